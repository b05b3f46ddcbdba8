"""Bootstrap intervals of means over items: windows of a text, questions of a task.

The rule. Items are drawn with replacement `RESAMPLES` times; the interval lies between two percentiles of
the resampled means. Plain percentiles are too narrow for few items (10 windows cover 90 % instead of 95 %),
so these are the *expanded* percentiles of Hesterberg 2015 ("What Teachers Should Know about the Bootstrap",
The American Statistician 69:4): their level is chosen as if the variance had been divided by n - 1 and the
quantile taken from Student's t. Percentiles follow monotone transforms, so the interval of the perplexity
is exp of the interval of the mean negative log-likelihood.

All measurements with the same number of items share the same resamples: 20,000 intervals are a few matrix
products, and the same items always give the same interval.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit
from scipy.stats import binom

Floats = NDArray[np.float64]

RESAMPLES = 4000
CONFIDENCE = 0.95
_CHUNK = 2_000_000  # numbers in the largest array, 16 MB: a task in full has 10,000 items, its resamples 40 million


def mean_intervals(groups: Sequence[Sequence[Floats]], confidence: float = CONFIDENCE) -> list[tuple[float, float]]:
    """Confidence intervals of means over items.

    Args:
        groups: one entry per quantity. An entry is a list of strata, each the items (n,) of one data set; the
            quantity is the unweighted mean over strata of the mean over items. A plain mean has one stratum.
        confidence: coverage aimed at, in (0, 1).

    Returns:
        (low, high) for each quantity; (nan, nan) where a stratum has fewer than two items or a non-finite one:
        there is no spread to resample. Equal scores of 0 or 1 throughout get the exact binomial interval.
    """
    result = [(np.nan, np.nan)] * len(groups)
    batches: dict[tuple[int, ...], list[int]] = {}
    for index, strata in enumerate(groups):
        if strata and all(len(items) >= 2 and np.isfinite(items).all() for items in strata):
            batches.setdefault(tuple(len(items) for items in strata), []).append(index)
    for sizes, members in batches.items():
        tail = _tail(min(sizes), confidence)
        at_once = max(1, _CHUNK // max(RESAMPLES, *sizes))
        for start in range(0, len(members), at_once):
            batch = members[start : start + at_once]
            means = np.zeros((len(batch), RESAMPLES))
            for stratum, size in enumerate(sizes):
                items = np.array([groups[index][stratum] for index in batch])
                for first, weights in _weights(size, stratum):
                    means[:, first : first + len(weights)] += items @ weights.T
            means /= len(sizes)
            low, high = _quantiles(means, tail), _quantiles(means, 1 - tail)
            for index, ends in zip(batch, zip(low.tolist(), high.tolist(), strict=True), strict=True):
                result[index] = _all_right_or_wrong(groups[index], confidence) or ends
    return result


def median_interval(items: Floats, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Confidence interval of a median: that of the sign test, from one of the sorted items (n,) to another.

    It holds whatever the distribution, and one in which a few items are far off is what loaded machines give.

    Returns:
        The narrowest symmetric one that covers as much as asked or more; None where none does: below six items at 95 %.
    """
    n = len(items)
    k = _end_place(n, confidence)
    if k < 1 or not np.isfinite(items).all():
        return None
    ordered = np.sort(items)
    return float(ordered[k - 1]), float(ordered[n - k])


@cache
def _end_place(n: int, confidence: float) -> int:
    """The k of n items of which both ends are the k-th, from below and from above; 0 where none covers enough.

    Such an interval misses the median if fewer than k items are on one side of it. A run asks for few n, many times.
    """
    return int(binom.ppf((1 - confidence) / 2, n, 0.5)) if n else 0


def _tail(n: int, confidence: float) -> float:
    """Percentile level of each end for n items: Phi(-sqrt(n / (n - 1)) t_{n-1}), below (1 - confidence) / 2."""
    t = stdtrit(n - 1, (1 + confidence) / 2)
    return float(ndtr(-np.sqrt(n / (n - 1)) * t))


def _quantiles(rows: Floats, level: float) -> Floats:
    """`np.quantile(rows, level, axis=1)` (rows,) to the last bit, `level` in [0, 1], in a third of its time.

    Numpy selects one place with vector instructions but several without; the other neighbour of a quantile is an
    extreme of what lies on its side of the first.
    """
    place = level * (rows.shape[1] - 1)
    below = min(int(place), rows.shape[1] - 2)
    share = place - below
    if level < 0.5:
        selected = np.partition(rows, below + 1, axis=1)
        lower, upper = selected[:, : below + 1].max(axis=1), selected[:, below + 1]
    else:
        selected = np.partition(rows, below, axis=1)
        lower, upper = selected[:, below], selected[:, below + 1 :].min(axis=1)
    step: Floats = upper - lower
    return upper - step * (1 - share) if share >= 0.5 else lower + step * share


def _weights(n: int, stratum: int) -> Iterator[tuple[int, Floats]]:
    """Share of each of n items in each resample; strata of equal size are drawn independently.

    Yields:
        The number of the first resample of a chunk, and the chunk (resamples, n).
    """
    rng = np.random.default_rng([n, stratum])
    at_once = max(1, _CHUNK // n)
    for first in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - first)
        drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield first, np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n) / n


def _all_right_or_wrong(strata: Sequence[Floats], confidence: float) -> tuple[float, float] | None:
    """Clopper-Pearson interval for n successes or n failures of n, where resampling would claim certainty."""
    if len(strata) > 1 or strata[0].min() != strata[0].max() or strata[0][0] not in (0.0, 1.0):
        return None
    bound = ((1 - confidence) / 2) ** (1 / len(strata[0]))
    return (float(bound), 1.0) if strata[0][0] else (0.0, float(1 - bound))
