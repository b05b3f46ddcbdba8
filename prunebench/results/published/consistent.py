"""Whether a published cell's numbers agree with each other: a value is the mean of its own items."""

from collections.abc import Mapping
from math import exp, fsum, isclose, isfinite

from prunebench.errors import PrunebenchError
from prunebench.results.expected import PERPLEXITY
from prunebench.results.records import EvaluationRecord, Measurement

_ROUNDING = 1e-6  # relative, and absolute for means near zero


def check_evaluations(evaluations: Mapping[str, EvaluationRecord], where: str) -> None:
    """Hold each value against its own items.

    Args:
        where: file and line, for messages.

    Raises:
        PrunebenchError: a perplexity is not exp(mean) of its windows' losses, or an accuracy not the mean of its items.
    """
    for record in evaluations.values():
        for found in record.measurements:
            expected = _of_items(found)
            if expected is None or found.value is None:
                continue
            close = isclose(found.value, expected, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
            if not close and (isfinite(found.value) or isfinite(expected)):
                raise PrunebenchError(
                    f"{where}: {found.metric} on {found.dataset} is {found.value:.6g}, but its items give "
                    f"{expected:.6g}; publish again"
                )


def _of_items(found: Measurement) -> float | None:
    """The value that the items give; None where there are none, or the value is no mean of them."""
    if not found.items or (found.metric != PERPLEXITY and not found.metric.startswith("acc")):
        return None
    mean = fsum(found.items) / len(found.items)
    if found.metric != PERPLEXITY:
        return mean
    return exp(mean) if mean < 700 else float("inf")
