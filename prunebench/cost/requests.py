"""What a job asks a cluster for."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from prunebench.config.schema import JobWork
from prunebench.cost.jobs import Costs
from prunebench.errors import PrunebenchError
from prunebench.layout import Sweep

_GPU_RESOURCES = ("gpu", "gres")
_TIME_MARGIN, _LEAST_MINUTES = 3.0, 10  # estimates of machines that have no records yet are rough
_MEMORY_MARGIN, _MEMORY_STEP_MB, _MB = 1.3, 1000, 1e6
_UNREADABLE = (PrunebenchError, OSError, KeyError)
_UNKNOWN_MINUTES = 60.0  # of one cell nothing is known about, unless `limits.cell_minutes` says less
_UNKNOWN_BYTES = 16e9


def asked_gpus(resources: Mapping[str, Any] | None) -> int | None:
    """How many GPUs a job has, by the resources that all jobs ask a cluster for; None if they ask for nothing.

    Args:
        resources: values, or Snakemake's objects around them.
    """
    return int(any(name in resources and _is_some(resources[name]) for name in _GPU_RESOURCES)) if resources else None


def _is_some(resource: Any) -> bool:
    try:
        return bool(getattr(resource, "value", resource))
    except ValueError:  # an expression, which has a value for a job only
        return True


def minutes(costs: Costs, sweep: Sweep, work: JobWork, targets: Sequence[str], attempt: int = 1) -> int:
    """Of wall time: what the job is expected to take and more, doubled at each attempt, up to `limits.job_minutes`."""
    limits = costs.config.limits
    try:
        expected = costs.job_cost(sweep, work, targets)[0] / 60
    except _UNREADABLE:
        expected = min(limits.cell_minutes or _UNKNOWN_MINUTES, _UNKNOWN_MINUTES) * len(targets)
    asked = ceil(_LEAST_MINUTES + _TIME_MARGIN * expected) * 2 ** (attempt - 1)
    return min(asked, limits.job_minutes or asked)


def memory_mb(costs: Costs, sweep: Sweep, work: JobWork) -> int:
    """Of host memory: what the job is expected to hold and more, or what `limits.memory_gb` lets it have."""
    limit = costs.config.limits.memory_gb
    if limit is not None:
        return _rounded(limit * 1000 + 2000)
    try:
        held = costs.memory(sweep, work)
    except _UNREADABLE:
        held = _UNKNOWN_BYTES
    return _rounded(_MEMORY_MARGIN * held / _MB)


def _rounded(megabytes: float) -> int:
    return ceil(megabytes / _MEMORY_STEP_MB) * _MEMORY_STEP_MB
