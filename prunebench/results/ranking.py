"""Ranks with ties: two methods that a paired test cannot separate share a rank.

The rule. All methods saw the same items (windows of a text, questions of a task), so each pair is compared
by its per-item differences of losses. If two methods are equally good, swapping them on any item changes
nothing: the sign of each difference is arbitrary. The test flips signs of whole items (all 2^(n-1)
patterns for few items, else `FLIPS` random ones) and asks how often the studentised mean difference becomes
as large as the observed one; on right/wrong scores this is McNemar's exact test. All pairs of a comparison
set are corrected together with step-down max-T (Westfall & Young 1993, algorithm 4.1): like Holm's it bounds the chance
of *any* false separation in the set by `ALPHA`, but since the same flips are used for all pairs it also
works with ten windows, where Holm times 190 pairs could never reject.

Methods are then sorted by mean loss, and a new rank begins only where every method above is separated from
every method below. So different ranks always mean a separated pair. Not being separated is not transitive
(A~B, B~C, A<C), so a shared rank may still hold separated pairs: `best` and `worst` tell how far each
method's own comparisons pin it down.

What a rank is about. The items are the only noise in the test, so a rank compares the pruned models at hand,
not the methods that made them: what another calibration sample, another seed or another order of roundings would
change is in no rank and in no interval, and with one seed it cannot be estimated at all. Wanda and STADE
(w/o bias) have the same criterion up to rounding, and masks that drift apart as each block sees the pruned ones before
it; where they differ, even separated, the difference shows how large that noise is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

ALPHA = 0.05
FLIPS = 1000
_CHUNK = 250  # flips turned to floats at once: 20 MB for 10,000 items
_CACHED = 64_000  # statistics at once: 512 kB
_ENUMERATED = 11  # up to so many items all sign patterns are tried: 2^10 patterns up to sign, as many as FLIPS


@dataclass(frozen=True)
class Rank:
    """Place of one method in its comparison set.

    Attributes:
        rank: 1 + the number of methods in better groups; shared within a group.
        best: 1 + the number of methods separated from it that are better.
        worst: the number of ranked methods minus those separated from it that are worse.
    """

    rank: int
    best: int
    worst: int


def rank_methods(losses: Mapping[str, Floats], alpha: float = ALPHA) -> dict[str, Rank]:
    """Rank methods by mean loss, lowest first, with ties from the paired test described above.

    Args:
        losses: per method the loss (n,) on the same n items in the same order, finite; lower is better.
        alpha: bound on the chance of any false separation among the methods.

    Returns:
        The rank of every method; with fewer than two items nothing can be separated and all share rank 1.

    Raises:
        ValueError: the methods have different numbers of items, or a loss is not finite.
    """
    if not losses:
        return {}
    if len({len(values) for values in losses.values()}) > 1:
        raise ValueError("methods were measured on different numbers of items; a paired test needs the same ones")
    matrix = np.stack([np.asarray(losses[name], dtype=np.float64) for name in losses], axis=1)  # (items, methods)
    if not np.isfinite(matrix).all():
        raise ValueError("a loss is not finite; leave failed methods out of the ranking")
    # Stable sort after sorting by name: the result does not depend on the mapping's order.
    names = sorted(losses)
    columns = {name: index for index, name in enumerate(losses)}
    matrix = matrix[:, [columns[name] for name in names]]
    order = np.argsort(matrix.mean(axis=0) if len(matrix) else np.zeros(len(names)), kind="stable")
    separated = separate(matrix[:, order], alpha)
    return {names[column]: rank for column, rank in zip(order, _grouped(separated), strict=True)}


def separate(matrix: Floats, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """Which pairs of columns the paired sign-flip test separates, corrected over all pairs.

    Args:
        matrix: losses (items, methods).
        alpha: family-wise error bound.

    Returns:
        Symmetric (methods, methods), True = separated.
    """
    items, methods = matrix.shape
    separated = np.zeros((methods, methods), dtype=bool)
    if items < 2 or methods < 2:
        return separated
    centred = matrix - matrix[:, :1]  # differences stay, cancellation goes
    first, second = np.triu_indices(methods, 1)
    norms = np.linalg.norm(centred[:, first] - centred[:, second], axis=0)
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)  # identical losses: statistic 0
    # |sum of differences| / norm grows with |t| and has the same denominator under every flip.
    signs = _signs(items)
    chunks = [centred.T @ signs[start : start + _CHUNK].T for start in range(0, len(signs), _CHUNK)]
    flipped = np.concatenate(chunks, axis=1)  # (methods, flips); the first column is the data as observed
    rejected = _step_down(flipped, first, second, scale, alpha)
    separated[first[rejected], second[rejected]] = True
    return separated | separated.T


def _step_down(flipped: Floats, first: Indices, second: Indices, scale: Floats, alpha: float) -> NDArray[np.bool_]:
    """Max-T over pairs: the k-th largest observed statistic against the maxima over it and all smaller ones.

    Args:
        flipped: sums (methods, flips), the first column of the data as observed.
        first, second, scale: the pairs (pairs,); a statistic is the scaled difference of the two's sums.

    Returns:
        (pairs,) True = rejected.
    """
    observed = np.abs(flipped[first, 0] - flipped[second, 0]) * scale
    order = np.argsort(-observed, kind="stable")[::-1]  # the smallest first, so that maxima accumulate
    first, second, scale, observed = first[order], second[order], scale[order, None], observed[order]
    reached = np.zeros(len(order), dtype=np.int64)
    highest = np.zeros(flipped.shape[1])
    # Some pairs at a time, which stay in the processor's cache, and row by row: numpy's own accumulation down the
    # columns takes three times as long.
    at_once = max(1, _CACHED // len(highest))
    for start in range(0, len(order), at_once):
        some = slice(start, start + at_once)
        maxima = np.abs(flipped[first[some]] - flipped[second[some]]) * scale[some]
        for row in maxima:
            highest = np.maximum(highest, row, out=row)
        reached[some] = (maxima >= observed[some, None] - 1e-9).sum(axis=1)
    p = np.maximum.accumulate((reached / flipped.shape[1])[::-1])[::-1]
    rejected = np.zeros(len(order), dtype=bool)
    rejected[order] = (p <= alpha) & (observed > 0)
    return rejected


@lru_cache(maxsize=4)
def _signs(items: int) -> NDArray[np.int8]:
    """Sign patterns (flips, items), the first all +1. A pattern and its negative are the same to |.|."""
    if items <= _ENUMERATED:
        bits = np.arange(2 ** (items - 1))[:, None] >> np.arange(items) & 1
    else:
        bits = np.random.default_rng(items).integers(2, size=(FLIPS, items), dtype=np.int8)
        bits[0] = 0
    return (1 - 2 * bits).astype(np.int8)


def _grouped(separated: NDArray[np.bool_]) -> list[Rank]:
    """Ranks of methods sorted best first from the matrix of separated pairs."""
    count = len(separated)
    ranks: list[Rank] = []
    start = 0
    for place in range(count):
        if separated[:place, place:].all():
            start = place
        better, worse = separated[place, :place].sum(), separated[place, place + 1 :].sum()
        ranks.append(Rank(start + 1, 1 + int(better), count - int(worse)))
    return ranks
