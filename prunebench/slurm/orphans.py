"""Slurm's jobs outlive a killed Snakemake; the next run in the same folder ends them before it starts its own.

A job that goes on would compute what the new run computes as well. What it has finished stays, being renamed into
place as soon as it is done.
"""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SLURM_LOGS = Path(".snakemake/slurm_logs")  # the plugin makes it where a run has used Slurm

_JOB_NAME = re.compile(r"([\w-]+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # prefix, and the run's UUID
_LIST = ("squeue", "--me", "--noheader", "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED,COMPLETING")
_ANSWER_SECONDS = 60
_END_SECONDS = 120  # Slurm waits KillWait (30 s by default) between asking a job to end and making it


def end_orphans(tell: Callable[[str], None], other_host: str | None = None) -> bool:
    """Cancel what earlier runs in this folder have left in Slurm's queue, and wait until it is gone.

    To be called by who holds the run's lock. Does nothing where no run has used Slurm; where Slurm does not answer,
    says what may go wrong and goes on.

    Args:
        other_host: where a run was started that may be alive, as `RunLock` says: nothing is cancelled then.

    Returns:
        Whether it is sure that nothing is left.
    """
    if not SLURM_LOGS.is_dir():
        return True
    try:
        jobs = _jobs_of(Path.cwd())
        if not jobs:
            return True
        if other_host is not None:
            tell(
                f"{len(jobs)} job(s) of a run started on {other_host} may still be at work in this folder, and what "
                f"they compute may be computed twice; if that run is dead, end them with: scancel {' '.join(jobs)}"
            )
            return False
        tell(f"cancelling {len(jobs)} job(s) that an earlier run in this folder left with Slurm: {' '.join(jobs)}")
        subprocess.run(["scancel", *jobs], check=True, timeout=_ANSWER_SECONDS, capture_output=True)
        deadline = time.monotonic() + _END_SECONDS
        while _jobs_of(Path.cwd()):
            if time.monotonic() > deadline:
                tell(f"they are still there after {_END_SECONDS} s; what they compute may be computed twice")
                return False
            time.sleep(0.5)
        return True
    except FileNotFoundError:  # this machine has no Slurm; the folder came from one that has
        return False
    except subprocess.SubprocessError as error:
        tell(f"Slurm does not say whether jobs of an earlier run are still at work in this folder ({error})")
        return False


def _jobs_of(folder: Path) -> list[str]:
    """The numbers of the jobs in the queue that a run of Snakemake in `folder` has submitted."""
    listed = subprocess.run(
        [*_LIST, "--format=%i|%j|%Z"], check=True, timeout=_ANSWER_SECONDS, capture_output=True, text=True
    )
    rows = [line.split("|", 2) for line in listed.stdout.splitlines()]
    return [job for job, name, where in rows if _JOB_NAME.fullmatch(name) and Path(where) == folder]
