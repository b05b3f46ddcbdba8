"""Which modules a pruned model has lost or replaced: the first steps of a patch, after which names agree."""

import copy
from typing import Any

from torch import nn

from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.linear import linear_features
from prunebench.patches import surgery
from prunebench.patches.bits import bits_of


def reshaped(dense: nn.Module, pruned: nn.Module) -> tuple[nn.Module, list[dict[str, Any]]]:
    """The dense model with the modules that `pruned` has, sharing its tensors, and the steps that lead there."""
    base = copy.deepcopy(dense, {id(tensor): tensor for tensor in [*dense.parameters(), *dense.buffers()]})
    steps = []
    for find in (_kept_blocks, _sliced, _factored):  # names are those of what is kept
        found = find(base, pruned)
        for step in found:
            surgery.STEPS[step["step"]](base, step)
        steps += found
    return base, steps


def _kept_blocks(dense: nn.Module, pruned: nn.Module) -> list[dict[str, Any]]:
    """One step if there are fewer decoder blocks than there were."""
    config: Any = getattr(dense, "config", None)
    architecture = ARCHITECTURES.get(getattr(config, "model_type", ""))
    if architecture is None:
        return []
    before, after = ([block for _, block in architecture.blocks(model)] for model in (dense, pruned))
    if not 0 < len(after) < len(before):
        return []
    kept = aligned(_facts(dense, before), _facts(pruned, after))
    return [{"step": "keep_blocks", "module": architecture.container, "kept": kept}]


def aligned(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[int]:
    """Which old block each new one was, in order: the choice with most facts in common, of several the first.

    A block with other tensors than any block had still gets a place; then its tensors are stored.
    """
    common = [[sum(b.get(name) == fact for name, fact in a.items()) for b in old] for a in new]
    spare = len(old) - len(new)
    # best[j][i]: most in common of new[j:] where new[j] was old[i] or a later one.
    best = [[0] * (len(old) + 1) for _ in range(len(new) + 1)]
    for j in reversed(range(len(new))):
        best[j][j + spare + 1 :] = [-1] * (len(old) - j - spare)
        for i in reversed(range(j, j + spare + 1)):
            best[j][i] = max(common[j][i] + best[j + 1][i + 1], best[j][i + 1])
    kept: list[int] = []
    i = 0
    for j in range(len(new)):
        while best[j][i] != common[j][i] + best[j + 1][i + 1]:
            i += 1
        kept.append(i)
        i += 1
    return kept


def _facts(model: nn.Module, blocks: list[nn.Module]) -> list[dict[str, Any]]:
    """What tells blocks apart: their tensors, as digests, and, counting more, what kind of layer each is."""
    config: Any = model.config
    types = getattr(config, "layer_types", None) or []
    types = types if len(types) == len(blocks) else [None] * len(blocks)
    facts: list[dict[str, Any]] = []
    for block, kind in zip(blocks, types, strict=True):
        state = block.state_dict().items()
        facts.append({name: hash(bits_of(tensor).tobytes()) for name, tensor in state})
        facts[-1] |= {f"kind {copy}": kind for copy in range(len(state) + 1)}
    return facts


def _sliced(dense: nn.Module, pruned: nn.Module) -> list[dict[str, Any]]:
    """One step if the hidden states have become narrower."""
    config: Any = getattr(pruned, "config", None)
    architecture = ARCHITECTURES.get(getattr(config, "model_type", ""))
    if architecture is None:
        return []
    before, after = ([block for _, block in architecture.blocks(model)] for model in (dense, pruned))
    if not after or surgery.is_sliced(before[0]) or not surgery.is_sliced(after[0]):
        return []
    hidden = after[0].get_parameter("attention_shortcut").shape[0]
    return [{"step": "slice", "module": architecture.container, "hidden": hidden}]


def _factored(dense: nn.Module, pruned: nn.Module) -> list[dict[str, Any]]:
    """A step for every linear in whose place there are two, one after another."""
    modules = dict(pruned.named_modules())
    steps = []
    for name, module in dense.named_modules():
        pair = modules.get(name)
        if linear_features(module) is None or not isinstance(pair, nn.Sequential) or len(pair) != 2:
            continue
        features = [linear_features(part) for part in pair]
        if features[0] is not None and features[1] is not None and features[0][1] == features[1][0]:
            steps.append({"step": "factor", "module": name, "rank": features[0][1]})
    return steps
