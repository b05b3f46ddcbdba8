"""OWL: blocks with more outliers are pruned less. Yin et al., ICML 2024, arXiv 2310.05175."""

import torch
from torch import Tensor, nn

from prunebench.engine.sequential import prune_blocks
from prunebench.engine.statistics import InputStatistics
from prunebench.models.linear import LinearView

OUTLIER = 5.0  # M: an outlier is this many times the mean
SPREAD = 0.08  # lambda: sparsities lie within twice this of each other


def outlier_ratios(
    model: nn.Module, blocks: list[list[LinearView]], calibration: Tensor, device: torch.device
) -> list[float]:
    """The outlier ratio of each block.

    Args:
        model: the dense model.
        blocks: the linears of each block that are to be pruned.
        calibration: (samples, tokens) token ids; one dense pass.
    """
    scores: dict[str, Tensor] = {}
    wanted = {view.name for block in blocks for view in block}

    def keep(linear: LinearView, inputs: InputStatistics) -> None:
        if linear.name in wanted:
            scores[linear.name] = (linear.weight.float().abs() * inputs.l2_norm).flatten()

    ratios: list[float] = []

    def count(done: int, total: int) -> None:
        # A block's scores are as large as the block: they go as soon as they are counted.
        ratios.append(outlier_ratio([scores.pop(view.name) for view in blocks[done - 1]]))

    prune_blocks(model, calibration, ["input_sq_norm"], keep, device, count)
    return ratios


def outlier_ratio(scores: list[Tensor], outlier: float = OUTLIER) -> float:
    """The share of a block's scores |W| ||x|| above `outlier` times their mean."""
    total = sum(score.numel() for score in scores)
    mean = sum(score.double().sum().item() for score in scores) / total
    return sum(int((score > outlier * mean).sum()) for score in scores) / total


def spread(ratios: list[float], sparsity: float, width: float = SPREAD) -> list[float]:
    """Map outlier ratios linearly to sparsities: the highest gets the least, 2 * width below the lowest's.

    Their mean is `sparsity`; they are not yet clamped to what is possible.
    """
    low, high = min(ratios), max(ratios)
    if high == low:
        return [sparsity] * len(ratios)
    density = [(ratio - low) / (high - low) * 2 * width for ratio in ratios]
    mean = sum(density) / len(density)
    return [sparsity - (each - mean) for each in density]
