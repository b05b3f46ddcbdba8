"""Patience with Slurm: what Snakemake's plugin for it lacks when the controller is away, or loses a job.

Where a look at the queue fails, version 2.8.0 of the plugin forgets every job it waits for, and the run hangs for
good; where a submission fails, the job counts as failed; a job that Slurm no longer knows is waited for without end;
and a state with an addition (`CANCELLED by 0`, as sacct says) or of a job that was preempted for good is taken for a
running job. The functions that do so are wrapped here. A test compares the version with the lock file's, since
another one may look different inside.
"""

import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from subprocess import DEVNULL, TimeoutExpired, run
from typing import Any

from prunebench.errors import PrunebenchError

MENDED_VERSION = "2.8.0"
GRACE_SECONDS = 120.0  # a job just submitted may not be in the queue's list yet
_PACKAGE = "snakemake-executor-plugin-slurm"
_PING_SECONDS = 5.0
_REMINDER_SECONDS = 60.0

States = dict[str, str]
Query = Callable[[str, Any], Awaitable[tuple[States | None, float | None]]]


def mend_plugin(warn: Callable[[str], None]) -> None:
    """Wrap what the plugin does when Slurm does not answer; nothing is done where the plugin is not loaded."""
    plugin: Any = sys.modules.get(_PACKAGE.replace("-", "_"))
    if plugin is None or isinstance(plugin.query_job_status, PatientQuery):
        return
    if (installed := version(_PACKAGE)) != MENDED_VERSION:
        warn(
            f"{_PACKAGE} {installed} is not {MENDED_VERSION}: it is used as it is, and may hang on a cluster whose "
            "controller is away"
        )
        return
    query = plugin.query_job_status = PatientQuery(plugin.query_job_status)
    check, submit, cancel = plugin.Executor.check_active_jobs, plugin.Executor.run_job, plugin.Executor.cancel
    cancelled = threading.Event()

    async def check_active_jobs(executor: Any, active_jobs: list[Any]) -> Any:
        query.expect(job.external_jobid for job in active_jobs)
        async for job in check(executor, active_jobs):
            yield job

    def run_job(executor: Any, job: Any) -> None:
        if wait_for_controller(executor.logger.warning, cancelled):
            submit(executor, job)

    def cancel_all(executor: Any) -> None:
        cancelled.set()  # what waits for the controller is not to be submitted once it is back
        cancel(executor)

    plugin.Executor.check_active_jobs, plugin.Executor.run_job = check_active_jobs, run_job
    plugin.Executor.cancel = cancel_all


class PatientQuery:
    """The plugin's query for the states of a run's jobs, always with an answer.

    Without one from Slurm no job has a state, which the plugin takes for "still waiting". A job that Slurm does not
    list, though it answers, for longer than `GRACE_SECONDS` is `FAILED`: it is submitted again if there are retries
    left, and finds what it had finished. So is one that was preempted and not put back into the queue.
    """

    def __init__(
        self, query: Query, answers: Callable[[], bool] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            answers: whether the controller does, when it is asked for nothing but that.
        """
        self._query, self._answers, self._clock = query, answers or controller_answers, clock
        self._expected: frozenset[str] = frozenset()
        self._missing_since: dict[str, float] = {}
        self._silent_since: float | None = None
        self._useless_since: float | None = None
        self._reminded = 0.0

    def expect(self, jobs: Iterable[str]) -> None:
        """Tell which jobs, by Slurm's numbers, the next answer should have."""
        self._expected = frozenset(jobs)

    async def __call__(self, command: str, logger: Any) -> tuple[States, float]:
        """States by job, and the seconds the query took.

        Raises:
            PrunebenchError: the query has failed for `GRACE_SECONDS` though the controller answers.
        """
        states, seconds = await self._query(command, logger)
        now = self._clock()
        if states is None or seconds is None:
            self._missing_since.clear()  # a time in which nothing was listed counts for no job
            self._bear_silence(now, command, logger)
            return {}, 0.0
        self._useless_since = None
        if self._silent_since is not None:
            logger.warning(f"Slurm answers again, after {now - self._silent_since:.0f} s")
            self._silent_since = None
        states = {job: state.split()[0].replace("PREEMPTED", "FAILED") for job, state in states.items() if state}
        missing = self._expected - states.keys()
        self._missing_since = {job: self._missing_since.get(job, now) for job in missing}
        for job, since in self._missing_since.items():
            if now - since > GRACE_SECONDS:
                logger.warning(f"Slurm no longer knows job {job}; it counts as failed")
                states[job] = "FAILED"
        return states, seconds

    def _bear_silence(self, now: float, command: str, logger: Any) -> None:
        if self._answers():
            self._useless_since = now if self._useless_since is None else self._useless_since
            if now - self._useless_since > GRACE_SECONDS:
                raise PrunebenchError(
                    f"Slurm answers, but not to `{command.split()[0]}`, so nobody knows what becomes of the jobs; set "
                    "slurm-status-command in the profile to the other of squeue and sacct"
                )
            return
        self._useless_since = None
        if self._silent_since is None:
            self._silent_since = self._reminded = now
            logger.warning(
                "Slurm does not answer; its jobs go on, and this run waits until it does (interrupt it with Ctrl-C "
                "and start it again later if you like: what is finished stays)"
            )
        elif now - self._reminded >= _REMINDER_SECONDS:
            self._reminded = now
            logger.warning(f"Slurm has not answered for {now - self._silent_since:.0f} s")


def wait_for_controller(
    tell: Callable[[str], None], cancelled: threading.Event, answers: Callable[[], bool] | None = None
) -> bool:
    """Return as soon as Slurm's controller answers, at once where it does.

    Returns:
        False if the run was cancelled before.
    """
    answers, waiting = answers or controller_answers, False
    while not cancelled.is_set():
        if answers():
            return True
        if not waiting:
            tell("Slurm takes no jobs, since its controller does not answer; waiting for it")
            waiting = True
        cancelled.wait(_PING_SECONDS)
    return False


def controller_answers() -> bool:
    """Whether any of Slurm's controllers does."""
    try:
        return run(["scontrol", "ping"], stdout=DEVNULL, stderr=DEVNULL, timeout=30, check=False).returncode == 0
    except OSError:  # there is no scontrol: let the submission say what is wrong
        return True
    except TimeoutExpired:
        return False
