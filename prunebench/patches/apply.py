"""Applies a patch to a dense model in place; the result has the pruned model's bits or the call fails."""

import numpy as np
import torch
from torch import Tensor, nn

from prunebench.errors import PrunebenchError, unknown_name
from prunebench.models.mapped import copy_beside, map_the_rest
from prunebench.patches.bits import bits_of, fingerprint, stored_tensors
from prunebench.patches.format import Entry, Patch
from prunebench.patches.surgery import STEPS


def apply_patch(dense_model: nn.Module, patch: Patch) -> None:
    """Turn `dense_model` (a copy the caller owns) into the pruned model, bit for bit.

    Raises:
        PrunebenchError: the model is not the one the patch was made from, or the patch is damaged.
    """
    if fingerprint(dense_model) != patch.dense:
        about = ", ".join(f"{key} {value}" for key, value in sorted(patch.metadata.items()))
        raise PrunebenchError(
            f"this patch was made from another dense model{f' ({about})' if about else ''}; load that model in "
            f"{patch.dtype} and apply the patch to it"
        )
    for step in patch.steps:
        if step["step"] not in STEPS:
            raise unknown_name("surgery step", step["step"], STEPS, "a patch")
        STEPS[step["step"]](dense_model, step)
        map_the_rest(dense_model)
    tensors = stored_tensors(dense_model)
    for name, entry in patch.entries.items():
        if name not in tensors:
            raise PrunebenchError(f"this patch changes {name}, which the model does not have; prune that cell again")
        _fill(tensors[name], entry)
    if fingerprint(dense_model) != patch.pruned:
        raise PrunebenchError("this patch does not lead to the model that was pruned; delete it and prune again")


def _fill(tensor: Tensor, entry: Entry) -> None:
    if entry.kind == "whole" and entry.values is not None:
        tensor.data = copy_beside(entry.values, tensor)
        return
    bits = bits_of(tensor)
    kept = np.unpackbits(entry.bits, count=bits.size).view(bool)  # numpy finds the ones of bools faster
    if entry.kind == "mask":
        np.multiply(bits, kept, out=bits)
    elif entry.values is not None:
        bits.fill(0)
        bits[np.flatnonzero(kept)] = bits_of(entry.values)
    if tensor.device.type != "cpu" or not tensor.is_contiguous():  # then `bits` is a copy
        tensor.data.copy_(torch.from_numpy(bits).view(tensor.dtype).view(tensor.shape))
