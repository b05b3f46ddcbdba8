"""Weights that need no memory: tensors over files, whose pages the kernel drops when it needs room for others.

A mapped tensor is an ordinary tensor on the CPU. Its file lies in a scratch folder and has no name there, so it is
gone with the last tensor over it, however the process ends. That takes Linux.
"""

import copy
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prunebench.errors import StorageError


def scratch_folder() -> Path:
    """Where the files lie: `TMPDIR`, or `/var/tmp`, since `/tmp` is often kept in memory."""
    named = os.environ.get("TMPDIR")
    return Path(named or ("/var/tmp" if os.path.isdir("/var/tmp") else tempfile.gettempdir()))


def mapped_empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A tensor of zeros over a file of its own.

    Raises:
        StorageError: the scratch folder is kept in memory itself, or has no room, or its file cannot be mapped. A
            write to a page that the disk has no room for would kill the process instead, so the room is taken here.
    """
    tensor = torch.empty(0, dtype=dtype)
    numel = torch.Size(shape).numel()
    if not numel:
        return tensor.reshape(shape)
    size, folder = numel * tensor.element_size(), scratch_folder()
    try:
        if _is_in_memory(folder):
            raise StorageError(
                f"{folder} is kept in memory, where mapped weights save none; set TMPDIR to a folder on a disk, or "
                "weights: memory in the config"
            )
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            storage: Any = torch.UntypedStorage.from_file(f"/proc/self/fd/{file.fileno()}", shared=True, nbytes=size)
    except (OSError, RuntimeError) as error:  # torch raises the latter where the mapping itself fails
        reason = error.strerror if isinstance(error, OSError) else error
        raise StorageError(
            f"{folder} cannot take {size / 1e9:.2f} GB of mapped weights ({reason}); set TMPDIR to a folder on "
            "a disk with room for the model, or weights: memory in the config"
        ) from error
    return tensor.set_(storage).view(torch.Size(shape))


def _is_in_memory(folder: Path) -> bool:
    """Whether the folder's file system is one without a disk."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        mount, _, file_system = line.partition(" - ")  # 36 35 98:0 / /mnt rw,noatime - ext4 /dev/root rw
        if mount.split()[2] == number:
            return file_system.split()[0] in ("tmpfs", "ramfs")
    return False


def mapped_copy(tensor: Tensor) -> Tensor:
    """The values of a tensor on any device, mapped."""
    return mapped_empty(tensor.shape, tensor.dtype).copy_(tensor.detach())


def is_mapped(tensor: Tensor) -> bool:
    """Whether `mapped_empty` made the tensor's storage."""
    return tensor.device.type == "cpu" and tensor.untyped_storage().filename is not None


def copy_beside(tensor: Tensor, home: Tensor) -> Tensor:
    """A copy on the device of `home`, mapped if that is."""
    return mapped_copy(tensor) if is_mapped(home) else tensor.detach().to(home.device, copy=True)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """`torch.cat` of one-dimensional tensors of a type, mapped if one of them is."""
    if not any(is_mapped(part) for part in parts):
        return torch.cat(list(parts))
    return torch.cat(list(parts), out=mapped_empty([sum(len(part) for part in parts)], parts[0].dtype))


def copy_model(model: nn.Module, mapped: bool) -> nn.Module:
    """A deep copy, with its parameters mapped or in memory."""
    if not mapped:
        return copy.deepcopy(model)
    parameters = {
        id(parameter): nn.Parameter(mapped_copy(parameter), parameter.requires_grad) for parameter in model.parameters()
    }
    return copy.deepcopy(model, parameters)


def map_the_rest(module: nn.Module) -> None:
    """Map the parameters that are not, such as those a method has put in place of others, in a module where any is."""
    parameters = list(module.parameters())
    if any(is_mapped(parameter) for parameter in parameters):
        for parameter in parameters:
            if parameter.device.type == "cpu" and not is_mapped(parameter):
                parameter.data = mapped_copy(parameter)
