"""Heads that do what another head does go first, however many that are in a layer; the MLPs make up the rest (ML-MM).

Li, Dong and Lei, Greedy Output Approximation, arXiv 2407.19126, Algorithm 1.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from prunebench.models.units import UnitModule

Blocks = Sequence[Sequence[UnitModule]]


def redundancy(distances: Tensor) -> Tensor:
    """The threshold above which Algorithm 1 prunes each head: it goes if that is below tau.

    The algorithm walks the heads i, and for each the others j, and prunes i if their distance is below tau and neither
    is pruned yet. A pair is looked at once, at its first head; none after that head is pruned yet. So i goes exactly
    if its distance to any head *after* it is below tau: the last head always stays, and a larger tau prunes what a
    smaller one does and more.

    Args:
        distances: (heads, heads), symmetric.

    Returns:
        (heads,): the smallest distance to a later head, infinity for the last.
    """
    later = torch.ones_like(distances, dtype=torch.bool).triu(1)
    return distances.masked_fill(~later, torch.inf).amin(1)


def similar_heads(
    blocks: Blocks, distances: Mapping[str, Tensor], budget: float, attention: float | None, tau: float | None
) -> tuple[dict[str, Tensor], float]:
    """Which heads go.

    Since a larger tau prunes the same heads and more, the tau that meets a ratio need not be searched for: the heads
    with the lowest thresholds go, of equal ones the first.

    Args:
        blocks: the modules that lose units.
        distances: (units, units) of each attention module by name.
        budget: weights to be removed in all.
        attention: the share of the heads to go; None for the same share as of all weights in these modules.
        tau: the threshold; None for that share.

    Returns:
        (units,) bool by attention module, True = to go; and tau, or the highest threshold among those that go.
    """
    modules = [module for block in blocks for module in block]
    heads = [module for module in modules if module.kind == "attention"]
    thresholds = torch.cat([redundancy(distances[module.name]) for module in heads])
    if tau is None:
        if attention is None:
            attention = budget / sum(module.units * module.unit_weights for module in modules)
        wanted = min(int(attention * len(thresholds) + 0.5), int(thresholds.isfinite().sum()))
        lowest = thresholds.argsort(stable=True)[:wanted]
        gone = torch.zeros(len(thresholds), dtype=torch.bool).index_fill_(0, lowest, True)
        tau = float(thresholds[lowest].max()) if wanted else 0.0
    else:
        gone = thresholds < tau
    parts = gone.split([module.units for module in heads])
    return {module.name: part for module, part in zip(heads, parts, strict=True)}, tau


def remaining_counts(blocks: Blocks, gone: Mapping[str, Tensor], budget: float) -> dict[str, int]:
    """How many units each module loses: heads as chosen, and of every MLP the same share, which makes up the rest."""
    modules = [module for block in blocks for module in block]
    counts = {module.name: int(gone[module.name].sum()) for module in modules if module.kind == "attention"}
    left = budget - sum(counts[module.name] * module.unit_weights for module in modules if module.kind == "attention")
    mlps = [module for module in modules if module.kind == "mlp"]
    weights = sum(module.units * module.unit_weights for module in mlps)
    for module in mlps:
        wanted = int(left / weights * module.units + 0.5)
        counts[module.name] = min(max(wanted, 0), module.units - 1)
    return counts
