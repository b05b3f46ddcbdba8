"""Makes a patch by comparing two models, tensor by tensor and bit by bit; methods know nothing of patches."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from prunebench.errors import PrunebenchError
from prunebench.models.linear import linear_features
from prunebench.models.mapped import copy_beside
from prunebench.patches.bits import bits_of, fingerprint, stored_tensors
from prunebench.patches.format import Entry, Patch
from prunebench.patches.modules import reshaped

_NO_BITS = np.zeros(0, np.uint8)


def make_patch(dense: nn.Module, pruned: nn.Module) -> Patch:
    """What turns `dense` into `pruned`; both are only read.

    Raises:
        PrunebenchError: the models differ in a way the format has no step for (other modules than blocks dropped, say).
    """
    base, first = reshaped(dense, pruned)
    before, after = stored_tensors(base), stored_tensors(pruned)
    entries = {}
    for name, tensor in after.items():
        entry = _entry(before.get(name), tensor)
        if entry is not None:
            entries[name] = entry
    steps = first + _steps(base, pruned, before, after)
    dtype = next(tensor.dtype for tensor in before.values() if tensor.is_floating_point())
    return Patch(fingerprint(dense), fingerprint(pruned), str(dtype).removeprefix("torch."), steps, entries)


def _entry(before: Tensor | None, after: Tensor) -> Entry | None:
    shape = tuple(after.shape)
    if before is None or before.shape != after.shape or before.dtype != after.dtype:
        return _whole(after)
    old, new = bits_of(before), bits_of(after)
    if np.array_equal(old, new):
        return None
    kept = new != 0
    packed = copy_beside(torch.from_numpy(np.packbits(kept)), after).numpy()
    if np.array_equal(old * kept, new):
        return Entry("mask", shape, packed)
    # Indices first: numpy selects by index several times faster than by a random boolean mask.
    positions = np.flatnonzero(kept)
    if packed.nbytes + positions.size * new.itemsize >= new.nbytes:
        return _whole(after)
    return Entry("update", shape, packed, copy_beside(torch.from_numpy(new.take(positions)).view(after.dtype), after))


def _whole(tensor: Tensor) -> Entry:
    return Entry("whole", tuple(tensor.shape), _NO_BITS, copy_beside(tensor, tensor).cpu())


def _steps(
    dense: nn.Module, pruned: nn.Module, before: dict[str, Tensor], after: dict[str, Tensor]
) -> list[dict[str, Any]]:
    """Surgery that gives every tensor of `pruned` its place, in the order it is to be done."""
    modules = dict(dense.named_modules())
    steps: list[dict[str, Any]] = []
    for name, module in pruned.named_modules():
        if name not in modules or type(modules[name]) is not type(module):
            raise PrunebenchError(
                f"a patch cannot store that {name} became a {type(module).__name__}; methods may drop blocks, change "
                "weights, biases and widths of linears or factor them, not put other modules in their place"
            )
        features = linear_features(module)
        if features is not None and features != linear_features(modules[name]):
            steps.append({"step": "resize", "module": name, "in": features[0], "out": features[1]})
        if features is None:
            pairs: list[tuple[str, object, object]] = [("", modules[name], module)]
            if hasattr(module, "config") and (module is pruned or module.config is not getattr(pruned, "config", None)):
                pairs.append(("config", modules[name].config, module.config))
            steps += _recounted(name, pairs)
    parameters = dict(pruned.named_parameters())
    for name, tensor in after.items():
        if name not in before:
            what = "add_parameter" if name in parameters else "add_buffer"
            steps.append({"step": what, "name": name, "dtype": str(tensor.dtype).removeprefix("torch.")})
    for name in before:
        if name not in after:
            owner, _, leaf = name.rpartition(".")
            if owner not in dict(pruned.named_modules()):
                raise PrunebenchError(f"a patch cannot store that module {owner} was dropped")
            if getattr(pruned.get_submodule(owner), leaf, None) is not None:
                raise PrunebenchError(f"a patch cannot store that {name} was tied to another tensor")
            steps.append({"step": "remove", "name": name})
    for name in before.keys() & after.keys():
        _check_resizable(name, pruned, before[name], after[name])
    return steps


def _recounted(name: str, pairs: list[tuple[str, object, object]]) -> list[dict[str, Any]]:
    """Whole numbers that a module keeps of itself, of its heads for example, and reads when it runs."""
    return [
        {"step": "count", "module": name, "in": where, "name": key, "value": value}
        for where, before, after in pairs
        for key, value in vars(after).items()
        if type(value) is int and not key.startswith("_") and vars(before).get(key) != value
    ]


def _check_resizable(name: str, pruned: nn.Module, before: Tensor, after: Tensor) -> None:
    owner = pruned.get_submodule(name.rpartition(".")[0])
    if before.shape != after.shape and linear_features(owner) is None:
        raise PrunebenchError(
            f"a patch cannot store the new shape {tuple(after.shape)} of {name}: only Linear and Conv1D are resized"
        )
