"""From wished-for sparsities to possible ones with the mean that was asked for."""

import math

_HIGHEST = 0.999  # a block that kept nothing would cut the model in two
_BISECTIONS = 100


def fit_sparsities(wished: list[float], sizes: list[int], mean: float, highest: float = _HIGHEST) -> list[float]:
    """Shift all by the one constant that makes their mean, after clamping to what is possible, `mean`.

    Args:
        wished: sparsity of each block, any real numbers.
        sizes: weights of each block.
        mean: the sparsity all blocks together are to have, in [0, highest].
        highest: what no block exceeds.

    Returns:
        Sparsities in [0, highest], equal to `wished` where those are possible and have this mean already.
    """

    def shifted(by: float) -> list[float]:
        return [min(max(wish + by, 0.0), highest) for wish in wished]

    def surplus(by: float) -> float:
        return math.fsum(s * size for s, size in zip(shifted(by), sizes, strict=True)) / sum(sizes) - mean

    if abs(surplus(0.0)) < 1e-12:
        return shifted(0.0)
    low, high = -max(wished), highest - min(wished)  # everything at 0, everything at the highest
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if surplus(middle) < 0 else (low, middle)
    return shifted(high)


def fit_counts(wished: list[float], n: int, m: int) -> list[int]:
    """Whole numbers in 0..m-1 near `wished` (N of each block) with a mean of exactly n.

    What the fitted wishes have beyond whole numbers goes to the blocks with the largest remainders, the first
    where they are equal.
    """
    shares = fit_sparsities([wish / m for wish in wished], [1] * len(wished), n / m, (m - 1) / m)
    fitted = [m * share for share in shares]
    counts = [math.floor(value + 1e-9) for value in fitted]
    missing = n * len(counts) - sum(counts)
    for index in sorted(range(len(counts)), key=lambda i: counts[i] - fitted[i])[:missing]:
        counts[index] += 1
    return counts
