"""AlphaPruning: blocks whose spectra have heavier tails are pruned less. Lu et al., NeurIPS 2024, arXiv 2410.10912."""

import torch
from torch import Tensor

from prunebench.models.linear import LinearView

SPREAD = 0.3  # epsilon: before rescaling, sparsities go from 1 - epsilon to 1 + epsilon times the target
_BINS = 100  # of the histogram that finds the spectrum's peak
_NEAR_PEAK = (0.95, 1.5)  # a tail may begin within these multiples of it
_NEGLIGIBLE = 1e-10  # of the largest value: zero up to rounding


def tail_exponents(blocks: list[list[LinearView]], device: torch.device) -> list[float]:
    """The mean exponent of each block's spectra.

    Args:
        blocks: the linears of each block that are to be pruned; no data is needed.
        device: where the singular values are computed.
    """
    return [sum(tail_exponent(view.weight.to(device)) for view in block) / len(block) for block in blocks]


def tail_exponent(weight: Tensor) -> float:
    """Hill's estimate of the exponent of a spectrum's tail: 1 + k / sum(ln l_i - ln l_min) over the k largest.

    The spectrum l is that of W W^T (squared singular values). The tail begins near the peak of the histogram of
    log l, at the value for which the power law fits the tail best (smallest Kolmogorov-Smirnov distance): the
    released code's default, except that there a slip in the lower bound also allows beginnings far below the peak.
    weight: (out, in), any float dtype.
    """
    values = torch.linalg.svdvals(weight.float()).square().double().cpu().sort().values
    values = values[values > _NEGLIGIBLE * values[-1]]
    if len(values) < 2 or values[0] == values[-1]:
        return 1e12  # no tail at all, as light as can be
    logs = values.log()
    counts, edges = torch.histogram(logs, _BINS)
    peak = edges[counts.argmax()].exp()
    begins = ((values >= _NEAR_PEAK[0] * peak) & (values <= _NEAR_PEAK[1] * peak)).nonzero()[:, 0].tolist()
    fits = [_fit(logs[begin:]) for begin in begins if logs[begin] < logs[-1]]
    return min(fits)[1] if fits else _fit(logs[logs >= peak.log()])[1]


def _fit(tail: Tensor) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance and exponent of the power law for a tail of logarithms (k,), ascending."""
    excess = tail - tail[0]
    exponent = 1 + len(tail) / excess.sum().clamp_min(1e-12)
    survivors = 1 - torch.arange(len(tail)) / len(tail)
    return (survivors - (excess * (1 - exponent)).exp()).abs().max().item(), exponent.item()


def spread(alphas: list[float], sizes: list[int], sparsity: float, width: float = SPREAD) -> list[float]:
    """Map alphas linearly to [1 - width, 1 + width] and scale so that the mean over all weights is `sparsity`.

    The sparsities are not yet clamped to what is possible.
    """
    low, high = min(alphas), max(alphas)
    if high == low:
        return [sparsity] * len(alphas)
    mapped = [1 - width + 2 * width * (alpha - low) / (high - low) for alpha in alphas]
    mean = sum(value * size for value, size in zip(mapped, sizes, strict=True)) / sum(sizes)
    return [value / mean * sparsity for value in mapped]
