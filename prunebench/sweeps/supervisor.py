"""Runs a worker process, hands it cells one by one, and turns whatever happens to it into a status.

A worker that hangs, eats the memory or dies costs the cell it was working on; a fresh worker takes the
remaining ones. Only a worker that cannot even get ready is an error here: that is nobody's method.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import prunebench
from prunebench.errors import PrunebenchError
from prunebench.judgement import describe_death
from prunebench.results.records import Status
from prunebench.slurm.allocation import Allocation
from prunebench.sweeps.joblog import JobLog
from prunebench.sweeps.process import WorkerProcess

WORKER = (sys.executable, "-m", "prunebench.sweeps.worker")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_GB = 1e9
_BLAMED_SHARE = 0.5  # of an allocation: a cell that had less of it began too late to be judged


@dataclass(frozen=True)
class Limits:
    """What one cell may take; None = no limit. Memory is what the worker and its children hold, see `held_bytes`.

    `allocation` is the time that all cells of the job have together, where a batch system ends it.
    """

    seconds: float | None = None
    memory_bytes: float | None = None
    allocation: Allocation | None = None


@dataclass(frozen=True)
class Outcome:
    """How one cell ended.

    Attributes:
        reply: what the worker reported; empty if it did not live to.
        seconds: from handing the cell over to its end.
        peak_host_bytes: the most memory it was seen to hold, looked at every 50 ms.
    """

    status: Status
    reason: str
    reply: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    peak_host_bytes: int = 0


class Supervisor:
    """Owns at most one worker at a time; a context manager, so that none outlives it."""

    def __init__(
        self, setup: dict[str, Any], log: JobLog, limits: Limits, threads: int = 1, command: Sequence[str] = WORKER
    ) -> None:
        """
        Args:
            setup: JSON the worker is told first; what it needs to get ready.
            threads: CPU threads of the worker.
            command: starts the worker.
        """
        self.ready: dict[str, Any] = {}
        self._setup = setup
        self._log = log
        self._limits = limits
        self._threads = threads
        self._command = command
        self._worker: WorkerProcess | None = None

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(self, cells: Sequence[dict[str, Any]]) -> Iterator[Outcome]:
        """Hand over cells in order; yields each one's outcome as soon as it is there.

        Raises:
            PrunebenchError: a worker could not get ready, or met trouble that is not a method's
                (a full disk, a damaged input), or the allocation ends.
        """
        for cell in cells:
            if self._worker is not None and self._worker.died():
                self._stop()  # something the last cell left behind ended it
            worker = self._worker or self._start()
            outcome = self._run_cell(worker, cell)
            if outcome.reply.get("infrastructure"):
                raise PrunebenchError(f"{outcome.reason}; the log is {self._log.path}")
            if not outcome.reply or outcome.reply.get("spent"):
                self._stop()
            yield outcome

    def _start(self) -> WorkerProcess:
        since, started = self._log.size(), time.perf_counter()
        self._worker = worker = WorkerProcess(self._command, self._environment(), self._log.path)
        worker.send(self._setup)
        while (reply := worker.receive()) is None:
            if worker.died():
                raise PrunebenchError(
                    f"the worker {describe_death(worker.returncode)} before it was ready: "
                    f"{self._log.last_line(since) or 'it left no message'}; the log is {self._log.path}"
                )
            self._refuse_a_limit_too_small_to_start(worker)
            self._leave_the_rest_at_the_end()
        if reply.get("infrastructure"):
            raise PrunebenchError(f"{reply['reason']}; the log is {self._log.path}")
        self.ready = reply
        self._log.line(f"worker ready after {time.perf_counter() - started:.1f} s")
        return worker

    def _refuse_a_limit_too_small_to_start(self, worker: WorkerProcess) -> None:
        limit = self._limits.memory_bytes
        if limit is not None and worker.held_bytes() > limit:
            raise PrunebenchError(
                f"the worker takes more than limits.memory_gb = {limit / _GB:g} before its first cell; "
                "raise limits.memory_gb in the config"
            )

    def _run_cell(self, worker: WorkerProcess, cell: dict[str, Any]) -> Outcome:
        since, started, peak = self._log.size(), time.perf_counter(), worker.held_bytes()
        worker.send(cell)
        while True:
            reply = worker.receive()
            seconds = time.perf_counter() - started
            if reply is not None:
                reason = reply.get("reason", "") + _peak(reply["status"], reply, peak)
                return Outcome(reply["status"], reason, reply, seconds, peak)
            if worker.died():
                status, reason = judge_death(worker.returncode, self._log.last_line(since))
                return Outcome(status, reason + _peak(status, {}, peak), {}, seconds, peak)
            peak = max(peak, worker.held_bytes())
            if (verdict := self._over_limit(seconds, peak)) is not None:
                worker.kill()
                return Outcome(*verdict, {}, seconds, peak)
            self._leave_the_rest_at_the_end()

    def _over_limit(self, seconds: float, held: int) -> tuple[Status, str] | None:
        if self._limits.seconds is not None and seconds > self._limits.seconds:
            return "timeout", f"took longer than limits.cell_minutes = {self._limits.seconds / 60:g}"
        allocation = self._limits.allocation
        if allocation is not None and time.time() > allocation.last_moment and allocation.last:
            share = seconds / allocation.seconds
            if share > _BLAMED_SHARE:
                return "timeout", (
                    f"did not end within the {allocation.seconds / 60:.0f} minutes that Slurm gave its job, though it "
                    f"had {share:.0%} of them; raise limits.job_minutes and run `prunebench retry`"
                )
        if self._limits.memory_bytes is not None and held > self._limits.memory_bytes:
            limit = self._limits.memory_bytes / _GB
            return "oom", f"reached {held / _GB:.2f} GB of memory, more than limits.memory_gb = {limit:g}"
        return None

    def _leave_the_rest_at_the_end(self) -> None:
        # The job's next attempt has more time, and all of it for what is left.
        allocation = self._limits.allocation
        if allocation is not None and time.time() > allocation.last_moment:
            raise PrunebenchError(
                f"the {allocation.seconds / 60:.0f} minutes that Slurm gave this job are over; the cells it has "
                "finished are kept, and its next attempt goes on with the others"
            )

    def _environment(self) -> dict[str, str]:
        package = str(Path(prunebench.__file__).parent.parent)
        search = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **os.environ,
            **dict.fromkeys(_THREAD_VARIABLES, str(self._threads)),
            "PYTHONPATH": os.pathsep.join(search),  # the very package that runs here, installed or not
            "PYTHONUNBUFFERED": "1",  # what a method printed is in the log even if it is killed
            "PYTHONHASHSEED": "0",
            "TOKENIZERS_PARALLELISM": "false",
            # Everything a cell needs is an asset on disk by now; nothing is to be looked up behind its back.
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # a bar in a log is hundreds of lines
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        }

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None


def _peak(status: Status, reply: dict[str, Any], host: int) -> str:
    """What the reason of a cell that ran out of memory ends with: how far it got, on the device if it used one."""
    device = reply.get("peak_device_bytes", 0)
    what = f"{device / _GB:.1f} GB on the device" if device else f"{host / _GB:.1f} GB of memory"
    return f"; peak {what}" if status == "oom" else ""


def judge_death(returncode: int, last_line: str) -> tuple[Status, str]:
    """The status and reason of a cell whose worker died by itself; `last_line` is what it printed last."""
    if returncode == -signal.SIGKILL:
        return "oom", "killed by signal 9, most likely out of memory"
    said = f": {last_line}" if last_line else ""
    return "error", f"the process {describe_death(returncode)}{said}"
