"""The tensors in a checkpoint folder, without a model around them: mapped from its files, or only counted."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from prunebench.errors import PrunebenchError
from prunebench.models.mapped import mapped_empty

# As transformers looks for them, with an index where the weights are in several files.
_NAMES = ("model.safetensors", "pytorch_model.bin")


def weight_bytes(directory: Path, dtype: torch.dtype) -> int:
    """Bytes that the weights take as `dtype`; of the files little more than the headers is read.

    Raises:
        PrunebenchError: the folder is no checkpoint, or is incomplete.
    """
    try:
        return sum(tensor.numel() for _, tensor in _stored(directory)) * dtype.itemsize
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise PrunebenchError(
            f"{directory} cannot be loaded as a checkpoint: {error}; fetch the model again"
        ) from error


def mapped_state(directory: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors by name as `dtype`: those that are stored so over their own file, the others over scratch files.

    Raises:
        StorageError: the scratch folder has no room for the ones that are cast.
        OSError, SafetensorError, ...: a file is missing or damaged.
    """
    return {name: _as(tensor, dtype) for name, tensor in _stored(directory)}


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.dtype == dtype or not tensor.is_floating_point():
        return tensor
    return mapped_empty(tensor.shape, dtype).copy_(tensor)


def _stored(directory: Path) -> Iterator[tuple[str, Tensor]]:
    for file in _files(directory):
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as content:
                for name in content.keys():  # noqa: SIM118
                    yield name, content.get_tensor(name)
        else:
            yield from torch.load(file, map_location="cpu", mmap=True, weights_only=True).items()


def _files(directory: Path) -> list[Path]:
    for name in _NAMES:
        if (directory / name).is_file():
            return [directory / name]
        index = directory / f"{name}.index.json"
        if index.is_file():
            shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            return [directory / shard for shard in dict.fromkeys(shards)]
    raise OSError(f"it has none of {', '.join(_NAMES)}, nor an index of their parts")
