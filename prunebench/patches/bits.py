"""Tensors as the bits they are: patches compare and restore bits, so -0.0 and NaN need no special care."""

import hashlib
import json

import numpy as np
import torch
from torch import Tensor, nn

_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def stored_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name; a tied weight once, under its first name."""
    persistent = model.state_dict().keys()
    buffers = {name: buffer for name, buffer in model.named_buffers() if name in persistent}
    return {**dict(model.named_parameters()), **buffers}


def bits_of(tensor: Tensor) -> np.ndarray:
    """The tensor's words as integers of its element size, flat, row-major.

    Shares memory with a contiguous tensor on the CPU and is a copy of any other.
    """
    flat = tensor.detach().cpu().contiguous().reshape(-1)  # reshape alone may give a view with gaps
    return flat.view(_WORDS[tensor.element_size()]).numpy()


def fingerprint(model: nn.Module) -> str:
    """A short hex digest of all stored tensors.

    It guards against mixing up models, at memory speed: each tensor counts with its name, type, shape, the
    wrapping sum of its 64-bit words and its last odd bytes. It is no protection against forgery.
    """
    rows = []
    for name, tensor in stored_tensors(model).items():
        octets = bits_of(tensor).view(np.uint8)
        whole = octets.size - octets.size % 8
        total = int(octets[:whole].view(np.uint64).sum(dtype=np.uint64))
        rows.append([name, str(tensor.dtype), list(tensor.shape), total, octets[whole:].tobytes().hex()])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
