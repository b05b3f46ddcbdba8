"""An estimate in words."""

import os
from collections.abc import Mapping
from typing import Any

from prunebench.config.grid import Grid
from prunebench.config.load import Config
from prunebench.cost.estimate import Estimate, estimate
from prunebench.cost.requests import asked_gpus

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def outlook(
    config: Config, grid: Grid, cores: int | None, jobs: int | None = None, resources: Mapping[str, Any] | None = None
) -> str:
    """One line on what a run will take, for whoever starts it; never an error, since no run may end over it.

    Args:
        cores: of this machine that may be used; None = all.
        jobs: that may be in a cluster's queue at a time.
        resources: what each of them asks for; with any, they go to a cluster, and with a GPU among them they have one.
    """
    try:
        if jobs and resources:
            return one_line(estimate(config, grid, jobs * config.threads, jobs * (asked_gpus(resources) or 0)))
        return one_line(estimate(config, grid, cores or os.cpu_count() or 1))
    except Exception as error:  # whatever lies in results/: an estimate is a courtesy
        return f"estimate: none ({error})"


def one_line(found: Estimate) -> str:
    """Cells, hours, disk, and where the hours are from."""
    if not found.pending:
        return f"estimate: nothing to compute, all {found.cells} cells are there"
    parts = [f"estimate: {found.pending} of {found.cells} cells to compute"]
    if found.job_seconds:
        parts.append(f"{'at least' if found.unknown else 'about'} {duration(found.wall)} on {places(found)}")
        if found.gpus:
            parts.append(f"{found.gpu_seconds / _HOUR:.2g} GPU-hours")
        parts.append(f"{size(found.stored)} of disk")
    return "; ".join([", ".join(parts), *([origin(found)] if found.job_seconds else []), *found.unknown])


def origin(found: Estimate) -> str:
    """Where the time is from."""
    share = found.known / found.job_seconds if found.job_seconds else 0.0
    if not share:
        return "all from the FLOPs model"
    return f"{share:.0%} of the time from earlier records, the rest from the FLOPs model"


def places(found: Estimate) -> str:
    """What the jobs run on."""
    where = f"{found.cores} core{'s' if found.cores != 1 else ''}"
    if not found.gpus:
        return where
    where = f"{where} and {found.gpus} GPU{'s' if found.gpus != 1 else ''}"
    assumed = f"{found.gpu}, which made the newest record" if found.gpu else "a small one"
    return where if found.gpu_is_here else f"{where} (none is here; counted as {assumed})"


def duration(seconds: float) -> str:
    """Two digits are more than an estimate has."""
    if seconds < 1.5 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 1.5 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.1f} days"


def size(stored: float) -> str:
    """In decimal units."""
    return f"{stored / 1e9:.1f} GB" if stored >= 1e9 else f"{stored / 1e6:.0f} MB"
