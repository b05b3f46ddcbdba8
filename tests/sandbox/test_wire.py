"""Messages survive the way, are ordinary safetensors files, and nothing else is taken for one."""

import json

import pytest
import safetensors.torch
import torch

from prunebench.errors import ContractError
from prunebench.sandbox.wire import read_message, to_bytes

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3).T,
    "b": torch.tensor([1.5, -0.0], dtype=torch.bfloat16),
    "c": torch.tensor([True, False]),
    "d": torch.zeros(0, 4, dtype=torch.float16),
    "e": torch.tensor(7, dtype=torch.int64),
}


def read(data: bytes, accept=lambda *_: None):
    """The message in `data`; the test fails if more is read than is there."""
    left = memoryview(data)

    def fill(view: memoryview) -> None:
        nonlocal left
        assert len(view) <= len(left), "read on after it could have known better"
        view[:], left = left[: len(view)], left[len(view) :]

    return read_message(fill, accept)


def file(header: object, data: bytes = b"") -> bytes:
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + data


def test_what_is_sent_arrives() -> None:
    message, tensors = read(b"".join(to_bytes({"x": [1, None, "é"]}, TENSORS)))
    assert message == {"x": [1, None, "é"]}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_a_message_is_a_safetensors_file() -> None:
    loaded = safetensors.torch.load(b"".join(to_bytes({}, TENSORS)))
    assert all(torch.equal(loaded[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 8,
        (1 << 30).to_bytes(8, "little"),
        file([]),
        file({}),
        file({"__metadata__": {"message": "[]"}}),
        file({"__metadata__": {"message": "{"}}),
        file({"__metadata__": {"message": "{}"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"1234"),
        file({"__metadata__": {"message": "{}"}, "a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}),
        file({"__metadata__": {"message": "{}"}, "a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}),
        file({"__metadata__": {"message": "{}"}, "a": {"dtype": "F32", "shape": "11", "data_offsets": [0, 4]}}),
        file({"__metadata__": {"message": "{}"}, "a": {"dtype": "O", "shape": [1], "data_offsets": [0, 4]}}),
        file({"__metadata__": {"message": "{}"}, "a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}),
        (5).to_bytes(8, "little") + b"\x80\x04\x95..",
    ],
)
def test_anything_else_is_refused_before_its_data_is_read(data: bytes) -> None:
    with pytest.raises(ContractError, match="no message"):
        read(data)


def test_an_unwanted_tensor_is_not_made_room_for() -> None:
    size = 1 << 39
    header = {"dtype": "F64", "shape": [size], "data_offsets": [0, 8 * size]}

    def refuse(name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
        raise ContractError(f"{name} {dtype} {shape}")

    with pytest.raises(ContractError, match=r"a torch.float64 \(549755813888,\)"):
        read(file({"__metadata__": {"message": "{}"}, "a": header}), refuse)
