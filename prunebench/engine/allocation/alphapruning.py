"""AlphaPruning: blocks whose spectra have heavier tails are pruned less. Lu et al., NeurIPS 2024, arXiv 2410.10912."""

import torch
from torch import Tensor

from prunebench.models.linear import LinearView

SPREAD = 0.3  # epsilon: before rescaling, sparsities go from 1 - epsilon to 1 + epsilon times the target


def alphapruning(blocks: list[list[LinearView]], sparsity: float, device: torch.device) -> list[float]:
    """The sparsity of each block, with the mean `sparsity` (not yet clamped to what is possible).

    Args:
        blocks: the linears of each block that are to be pruned; no data is needed.
        device: where the singular values are computed.
    """
    alphas = [sum(hill_alpha(view.weight.to(device)) for view in block) / len(block) for block in blocks]
    sizes = [sum(view.weight.numel() for view in block) for block in blocks]
    return spread(alphas, sizes, sparsity)


def hill_alpha(weight: Tensor) -> float:
    """Hill's estimate of the exponent of a spectrum's tail: 1 + k / sum(ln l_i - ln l_min) over the k largest.

    The spectrum l is that of W W^T (squared singular values), its tail the upper half. (The paper's code may
    also start the tail at the histogram's peak.)  weight: (out, in), any float dtype.
    """
    values = torch.linalg.svdvals(weight.float()).square().sort().values.double().clamp_min(1e-30)
    tail = values[len(values) // 2 :]
    excess = (tail.log() - tail[0].log()).sum().item()
    # All equal: no tail at all, as light as can be.
    return 1 + len(tail) / max(excess, 1e-12)


def spread(alphas: list[float], sizes: list[int], sparsity: float, width: float = SPREAD) -> list[float]:
    """Map alphas linearly to [1 - width, 1 + width] and scale so that the mean over all weights is `sparsity`."""
    low, high = min(alphas), max(alphas)
    if high == low:
        return [sparsity] * len(alphas)
    mapped = [1 - width + 2 * width * (alpha - low) / (high - low) for alpha in alphas]
    mean = sum(value * size for value, size in zip(mapped, sizes, strict=True)) / sum(sizes)
    return [value / mean * sparsity for value in mapped]
