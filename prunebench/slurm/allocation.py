"""The time a job has under Slurm: the end of its allocation, which is not the job's to choose."""

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime

_ANSWER_SECONDS = 30
_ATTEMPTS = 3  # with more and more time, before what does not end is a cell's own fault
_MARGIN = 0.05  # of the allocation, to write what there is to write before Slurm ends it
_LEAST_MARGIN, _MOST_MARGIN = 10.0, 120.0


@dataclass(frozen=True)
class Allocation:
    """When it began and when it ends, in seconds since the epoch.

    `last`: no later attempt will be given more time.
    """

    start: float
    end: float
    last: bool = True

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start

    @property
    def last_moment(self) -> float:
        """When work has to stop, so that the job can still end by itself."""
        return self.end - min(max(_MARGIN * self.seconds, _LEAST_MARGIN), _MOST_MARGIN)


def find_allocation(attempt: int, most_minutes: int | None) -> Allocation | None:
    """The allocation this process runs in; None outside of Slurm, or if there is no end, or Slurm does not tell.

    Args:
        attempt: the number of the job's attempt; each is given twice the time of the one before.
        most_minutes: that a job is ever given; None = no limit.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%S|%e"]
    try:
        told = subprocess.run(command, check=True, timeout=_ANSWER_SECONDS, capture_output=True, text=True).stdout
        start, end = (datetime.fromisoformat(moment).timestamp() for moment in told.strip().split("|"))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    at_most = most_minutes is not None and end - start >= most_minutes * 60
    return Allocation(start, end, last=at_most or attempt >= _ATTEMPTS)
