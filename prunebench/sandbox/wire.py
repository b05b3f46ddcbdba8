"""Messages between the sandbox and its parent: each is one safetensors file on a pipe.

The message itself is JSON in the file's metadata, its tensors are the file's. A reader knows how long
everything is before it reads it and can say no; nothing is ever unpickled.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from prunebench.errors import ContractError

# Fills a buffer from the pipe.
Fill = Callable[[memoryview], None]
# Says by raising that a tensor (name, dtype, shape) is not wanted.
Accept = Callable[[str, torch.dtype, tuple[int, ...]], None]

_HEADER_LIMIT = 1 << 18
_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def to_bytes(message: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> list[memoryview]:
    """A message and its tensors as the parts of one safetensors file, in order; the tensors are not copied.

    Raises:
        ContractError: a tensor's dtype has no name in that format.
    """
    header: dict[str, Any] = {"__metadata__": {"message": json.dumps(message)}}
    parts, end = [], 0
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES:
            raise ContractError(f"the {name} is of {tensor.dtype}, and only real numbers can be handed on")
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
        start, end = end, end + len(data)
        header[name] = {
            "dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end],
        }  # fmt: skip
        parts.append(data)
    encoded = json.dumps(header).encode()
    return [memoryview(len(encoded).to_bytes(8, "little") + encoded), *parts]


def read_message(fill: Fill, accept: Accept) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read one message.

    Args:
        accept: asked about every tensor before any is read or room is made for it.

    Raises:
        ContractError: this is no such message.
    """
    size = int.from_bytes(_filled(fill, 8), "little")
    if size > _HEADER_LIMIT:
        raise ContractError(f"what came out of the sandbox is no message: its header would have {size} bytes")
    try:
        header = json.loads(_filled(fill, size))
        message = json.loads(header.pop("__metadata__")["message"])
        described = [_description(name, entry) for name, entry in header.items()]
        if not isinstance(message, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ContractError("what came out of the sandbox is no message: its header cannot be read") from None
    end = 0
    for name, dtype, shape, offsets in described:
        start, end = end, end + math.prod(shape) * dtype.itemsize
        if offsets != [start, end]:
            raise ContractError(f"what came out of the sandbox is no message: the place of {name[:40]!r} is wrong")
        accept(name, dtype, shape)
    tensors = {name: torch.empty(shape, dtype=dtype) for name, dtype, shape, _ in described}
    for tensor in tensors.values():
        fill(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return message, tensors


def _description(name: str, entry: Any) -> tuple[str, torch.dtype, tuple[int, ...], list[int]]:
    shape = entry["shape"]
    if not all(type(size) is int and 0 <= size < 1 << 40 for size in shape) or len(shape) > 8:
        raise ValueError
    return name, _DTYPES[entry["dtype"]], tuple(shape), entry["data_offsets"]


def _filled(fill: Fill, size: int) -> bytes:
    data = bytearray(size)
    fill(memoryview(data))
    return bytes(data)
