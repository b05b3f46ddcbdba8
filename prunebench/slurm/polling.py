"""Patience with Slurm: what Snakemake's plugin for it lacks when the controller is away, or loses a job.

Where a look at the queue fails, version 2.8.0 of the plugin forgets every job it waits for, and the run hangs for
good; where a submission fails, the job counts as failed; a job that Slurm no longer knows is waited for without end;
and a state with an addition (`CANCELLED by 0`, as sacct says) is taken for a running job. The functions that do so
are wrapped here. A test compares the version with the lock file's, since another one may look different inside.
"""

import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from subprocess import DEVNULL, TimeoutExpired, run
from typing import Any

MENDED_VERSION = "2.8.0"
GRACE_SECONDS = 120.0  # a job just submitted may not be in the queue's list yet
_PACKAGE = "snakemake-executor-plugin-slurm"
_PING_SECONDS = 5.0
_REMINDER_SECONDS = 60.0

States = dict[str, str]
Query = Callable[[str, Any], Awaitable[tuple[States | None, float | None]]]


def mend_plugin() -> None:
    """Wrap what the plugin does when Slurm does not answer; nothing is done where the plugin is not loaded."""
    plugin: Any = sys.modules.get(_PACKAGE.replace("-", "_"))
    if plugin is None or version(_PACKAGE) != MENDED_VERSION or isinstance(plugin.query_job_status, PatientQuery):
        return
    query = plugin.query_job_status = PatientQuery(plugin.query_job_status)
    check, submit = plugin.Executor.check_active_jobs, plugin.Executor.run_job

    async def check_active_jobs(executor: Any, active_jobs: list[Any]) -> Any:
        query.expect(job.external_jobid for job in active_jobs)
        async for job in check(executor, active_jobs):
            yield job

    def run_job(executor: Any, job: Any) -> None:
        wait_for_controller(executor.logger.warning)
        submit(executor, job)

    plugin.Executor.check_active_jobs, plugin.Executor.run_job = check_active_jobs, run_job


class PatientQuery:
    """The plugin's query for the states of a run's jobs, always with an answer.

    Without one from Slurm no job has a state, which the plugin takes for "still waiting". A job that Slurm does not
    list, though it answers, for longer than `GRACE_SECONDS` is `FAILED`: it is submitted again if there are retries
    left, and finds what it had finished.
    """

    def __init__(self, query: Query, clock: Callable[[], float] = time.monotonic) -> None:
        self._query, self._clock = query, clock
        self._expected: frozenset[str] = frozenset()
        self._missing_since: dict[str, float] = {}
        self._silent_since: float | None = None
        self._reminded = 0.0

    def expect(self, jobs: Iterable[str]) -> None:
        """Tell which jobs, by Slurm's numbers, the next answer should have."""
        self._expected = frozenset(jobs)

    async def __call__(self, command: str, logger: Any) -> tuple[States, float]:
        """States by job, and the seconds the query took."""
        states, seconds = await self._query(command, logger)
        now = self._clock()
        if states is None or seconds is None:
            self._tell_of_silence(now, logger)
            return {}, 0.0
        if self._silent_since is not None:
            logger.warning(f"Slurm answers again, after {now - self._silent_since:.0f} s")
            self._silent_since = None
        states = {job: state.split()[0] for job, state in states.items() if state}
        missing = self._expected - states.keys()
        self._missing_since = {job: self._missing_since.get(job, now) for job in missing}
        for job, since in self._missing_since.items():
            if now - since > GRACE_SECONDS:
                logger.warning(f"Slurm no longer knows job {job}; it counts as failed")
                states[job] = "FAILED"
        return states, seconds

    def _tell_of_silence(self, now: float, logger: Any) -> None:
        if self._silent_since is None:
            self._silent_since = self._reminded = now
            logger.warning(
                "Slurm does not answer; its jobs go on, and this run waits until it does (interrupt it with Ctrl-C "
                "and start it again later if you like: what is finished stays)"
            )
        elif now - self._reminded >= _REMINDER_SECONDS:
            self._reminded = now
            logger.warning(f"Slurm has not answered for {now - self._silent_since:.0f} s")


def wait_for_controller(tell: Callable[[str], None], ping: Callable[[], bool] | None = None) -> None:
    """Return as soon as Slurm's controller answers; at once where it does."""
    ping, waiting = ping or _answers, False
    while not ping():
        if not waiting:
            tell("Slurm takes no jobs, since its controller does not answer; waiting for it")
            waiting = True
        time.sleep(_PING_SECONDS)


def _answers() -> bool:
    try:
        return run(["scontrol", "ping"], stdout=DEVNULL, stderr=DEVNULL, timeout=30, check=False).returncode == 0
    except OSError:  # there is no scontrol: let the submission say what is wrong
        return True
    except TimeoutExpired:
        return False
