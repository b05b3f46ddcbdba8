"""Which depth-2 module loses how many units, so that together they have the weights that the target asks for."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from prunebench.errors import NotApplicable
from prunebench.models.units import UnitModule

Blocks = Sequence[Sequence[UnitModule]]


def uniform_counts(blocks: Blocks, budget: float, attention: float | None) -> dict[str, int]:
    """The same share of every module (FLAP's UL-UM; with `attention` given, UL-MM).

    Heads are coarse: of a model with three key-value heads, a fifth cannot be taken. So attention loses the whole
    number of units that its share holds, as in the released codes of FLAP and LLM-Pruner, and the block's MLP, whose
    units are a thousand times smaller, loses what is then missing of the block's share (theirs is left as it is, and
    less than the target goes).

    Args:
        blocks: the modules that lose units.
        budget: weights to be removed in all.
        attention: the share of attention's units, to the nearest whole number, if it is not to be the same.

    Returns:
        The number of units to go by module; one always stays.
    """
    share = budget / sum(module.units * module.unit_weights for block in blocks for module in block)
    counts: dict[str, int] = {}
    for block in blocks:
        left = share * sum(module.units * module.unit_weights for module in block)
        # The coarsest first, so that the finest makes up for its rounding.
        for module in sorted(block, key=lambda module: -module.unit_weights):
            if attention is not None and module.kind == "attention":
                wanted = module.units * attention + 0.5
            elif module is _finest(block):
                wanted = left / module.unit_weights + 0.5
            else:
                wanted = module.units * share + 1e-6  # a whole number may come out a little smaller
            counts[module.name] = min(max(int(wanted), 0), module.units - 1)
            left -= counts[module.name] * module.unit_weights
    return counts


def _finest(block: Sequence[UnitModule]) -> UnitModule:
    return min(block, key=lambda module: module.unit_weights)


def global_choice(
    blocks: Blocks, scores: Mapping[str, Tensor], budget: float, attention: float | None
) -> dict[str, Tensor]:
    """The lowest of all units together, each counting with its weights (FLAP's AL-AM; with `attention`, AL-MM).

    FLAP stops nearest to the budget, which a head may overshoot by half its weights. Here a unit that no longer
    fits is passed over and smaller ones after it are still taken.

    Args:
        scores: (units,) by module, comparable between modules: see `standardised`.
        budget, attention: see `uniform_counts`.

    Returns:
        (units,) bool by module, True = to go; one of each module always stays.
    """
    modules = [module for block in blocks for module in block]
    gone = {module.name: torch.zeros(module.units, dtype=torch.bool) for module in modules}
    if attention is None:
        _take(modules, scores, budget, gone)
        return gone
    heads = [module for module in modules if module.kind == "attention"]
    wanted = int(attention * sum(module.units for module in heads) + 0.5)
    spent = _take(heads, scores, float(sum(sorted(_costs(heads))[:wanted])), gone)
    _take([module for module in modules if module.kind == "mlp"], scores, budget - spent, gone)
    return gone


def _costs(modules: Sequence[UnitModule]) -> list[int]:
    return [module.unit_weights for module in modules for _ in range(module.units)]


def _take(modules: Sequence[UnitModule], scores: Mapping[str, Tensor], budget: float, gone: dict[str, Tensor]) -> float:
    """Mark units from the lowest up while they fit; returns how many weights they have."""
    candidates = []
    for order, module in enumerate(modules):
        of_module = sorted((score, order, unit) for unit, score in enumerate(scores[module.name].tolist()))
        candidates += of_module[:-1]  # the best one stays
    spent = 0.0
    for _, order, unit in sorted(candidates):
        cost = modules[order].unit_weights
        if spent + cost <= budget:
            gone[modules[order].name][unit] = True
            spent += cost
    return spent


def standardised(score: Tensor) -> Tensor:
    """Scores of one module made comparable with those of others: z-scores (FLAP's eq. 6).

    Args:
        score: (units,) or (units, parts); of parts, a unit's is the mean of their z-scores.

    Returns:
        (units,) fp64; zeros where all were the same.
    """
    score = score.double()
    spread = score.std()
    z = (score - score.mean()) / spread if spread > 0 else torch.zeros_like(score)
    return z if z.dim() == 1 else z.mean(1)


def check_budget(blocks: Blocks, removed: float, budget: float, label: str) -> None:
    """That what the allocation takes is what the target asks for, to one unit of each block.

    Raises:
        NotApplicable: the modules that may lose units do not have so many weights, or have too coarse units.
    """
    slack = sum(_finest(block).unit_weights for block in blocks)
    if abs(removed - budget) > slack or (budget and not removed):
        raise NotApplicable(
            f"{label} asks for {budget:.0f} weights fewer, whole units make it {removed:.0f}: the blocks and modules "
            "that may lose units have too few or too large ones"
        )
