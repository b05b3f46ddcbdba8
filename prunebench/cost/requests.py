"""What a job asks a cluster for."""

from collections.abc import Collection, Sequence
from math import ceil

from prunebench.config.load import Config
from prunebench.cost.jobs import job_memory_mb, job_minutes
from prunebench.layout import Sweep

_GPU_RESOURCES = ("gpu", "gres")
_TIME_MARGIN, _LEAST_MINUTES = 3.0, 10  # estimates of machines that have no records yet are rough
_MEMORY_MARGIN, _MEMORY_STEP_MB = 1.3, 1000


def asked_gpus(resources: Collection[str] | None) -> int | None:
    """How many GPUs a job has, by the resources that all jobs ask a cluster for; None if they ask for nothing."""
    return int(any(name in resources for name in _GPU_RESOURCES)) if resources else None


def minutes(
    config: Config, sweep: Sweep, work: str, targets: Sequence[str], attempt: int = 1, gpus: int | None = None
) -> int:
    """Of wall time: `limits.job_minutes`, or what the job is expected to take and more; doubled at each attempt.

    Args:
        work: `prune` or the kind of evaluation.
        gpus: that the job has, see `asked_gpus`.
    """
    expected = _LEAST_MINUTES + _TIME_MARGIN * job_minutes(config, sweep, work, targets, gpus)
    return (config.limits.job_minutes or ceil(expected)) * 2 ** (attempt - 1)


def memory_mb(config: Config, sweep: Sweep, work: str, gpus: int | None = None) -> int:
    """Of host memory: what the job is expected to need and more, or what `limits.memory_gb` lets it have."""
    limit = config.limits.memory_gb
    needed = _MEMORY_MARGIN * job_memory_mb(config, sweep, work, gpus) if limit is None else limit * 1000 + 2000
    return ceil(needed / _MEMORY_STEP_MB) * _MEMORY_STEP_MB
