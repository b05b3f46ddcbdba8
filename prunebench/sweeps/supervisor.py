"""Runs a worker process, hands it cells one by one, and turns whatever happens to it into a status.

A worker that hangs, eats the memory or dies costs the cell it was working on; a fresh worker takes the
remaining ones. Only a worker that cannot even get ready is an error here: that is nobody's method.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import prunebench
from prunebench.errors import PrunebenchError
from prunebench.results.records import Status
from prunebench.sweeps.joblog import JobLog

WORKER = (sys.executable, "-m", "prunebench.sweeps.worker")

_POLL_SECONDS = 0.05
_CHILDREN_EVERY = 1.0  # seconds; looking for a worker's children reads the whole process table
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_GB = 1e9


@dataclass(frozen=True)
class Limits:
    """What one cell may take; None = no limit. Memory is the worker's resident set with its children's."""

    seconds: float | None = None
    memory_bytes: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How one cell ended.

    Attributes:
        reply: what the worker reported; empty if it did not live to.
        seconds: from handing the cell over to its end.
        peak_host_bytes: highest resident memory seen from outside meanwhile.
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
        self._worker: _Worker | None = None

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(self, cells: Sequence[dict[str, Any]]) -> Iterator[Outcome]:
        """Hand over cells in order; yields each one's outcome as soon as it is there.

        Raises:
            PrunebenchError: a worker could not get ready, or met trouble that is not a method's
                (a full disk, a damaged input).
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

    def _start(self) -> "_Worker":
        since, started = self._log.size(), time.perf_counter()
        self._worker = worker = _Worker(self._command, self._environment(), self._log.path)
        worker.send(self._setup)
        while (reply := worker.receive()) is None:
            if worker.died():
                raise PrunebenchError(
                    f"the worker could not get ready ({describe_death(worker.returncode)}): "
                    f"{self._log.last_line(since) or 'it left no message'}; the log is {self._log.path}"
                )
            self._refuse_a_limit_too_small_to_start(worker)
        if reply.get("infrastructure"):
            raise PrunebenchError(f"{reply['reason']}; the log is {self._log.path}")
        self.ready = reply
        self._log.line(f"worker ready after {time.perf_counter() - started:.1f} s")
        return worker

    def _refuse_a_limit_too_small_to_start(self, worker: "_Worker") -> None:
        limit = self._limits.memory_bytes
        if limit is not None and worker.resident_bytes() > limit:
            raise PrunebenchError(
                f"the worker takes more than limits.memory_gb = {limit / _GB:g} before its first cell; "
                "raise limits.memory_gb in the config"
            )

    def _run_cell(self, worker: "_Worker", cell: dict[str, Any]) -> Outcome:
        since, started, peak = self._log.size(), time.perf_counter(), 0
        worker.send(cell)
        while True:
            reply = worker.receive()
            seconds = time.perf_counter() - started
            if reply is not None:
                return Outcome(reply["status"], reply.get("reason", ""), reply, seconds, peak)
            if worker.died():
                status, reason = judge_death(worker.returncode, self._log.last_line(since))
                return Outcome(status, reason, {}, seconds, peak)
            peak = max(peak, worker.resident_bytes())
            if (verdict := self._over_limit(seconds, peak)) is not None:
                worker.kill()
                return Outcome(*verdict, {}, seconds, peak)

    def _over_limit(self, seconds: float, resident: int) -> tuple[Status, str] | None:
        if self._limits.seconds is not None and seconds > self._limits.seconds:
            return "timeout", f"took longer than limits.cell_minutes = {self._limits.seconds / 60:g}"
        if self._limits.memory_bytes is not None and resident > self._limits.memory_bytes:
            limit = self._limits.memory_bytes / _GB
            return "oom", f"reached {resident / _GB:.2f} GB of memory, more than limits.memory_gb = {limit:g}"
        return None

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


class _Worker:
    """The process and the two pipes: JSON lines in, JSON lines out."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [*command, str(os.getpid())], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=stderr, start_new_session=True,  # a group of its own: killed whole, and deaf to ctrl-c
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._buffer = b""
        self._open = True
        self._family: list[psutil.Process] = []
        self._family_seen = 0.0

    def send(self, message: dict[str, Any]) -> None:
        # A worker that is gone by now is noticed by `died`.
        with suppress(BrokenPipeError):
            self._stdin.write(json.dumps(message).encode() + b"\n")
            self._stdin.flush()

    def receive(self) -> dict[str, Any] | None:
        """The next message if one arrives within the poll interval."""
        if not self._open:
            time.sleep(_POLL_SECONDS)  # the worker is ending, or a method closed its files under it
        elif b"\n" not in self._buffer and self._selector.select(_POLL_SECONDS):
            self._read()
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        return _message(line)

    def died(self) -> bool:
        """Whether it ended, with nothing it said left to read."""
        if self._process.poll() is None:
            return False
        # Not until the end of the file: a method's forked child may hold the pipe open.
        while self._open and self._selector.select(0):
            self._read()
        return b"\n" not in self._buffer

    def _read(self) -> None:
        data = os.read(self._stdout.fileno(), 1 << 16)
        self._open = bool(data)
        self._buffer += data

    @property
    def returncode(self) -> int:
        return self._process.wait()

    def resident_bytes(self) -> int:
        """Resident memory of the worker and its children; pages they share count once for each."""
        total = 0
        for process in self._members():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def _members(self) -> list[psutil.Process]:
        now = time.monotonic()
        if now - self._family_seen > _CHILDREN_EVERY:
            self._family_seen = now
            with suppress(psutil.Error):
                worker = psutil.Process(self._process.pid)
                self._family = [worker, *worker.children(recursive=True)]
        return self._family

    def kill(self) -> None:
        """End the worker, its process group and every descendant, at once: nothing in it is worth a goodbye."""
        self._family_seen = 0.0
        members = self._members() if self._process.poll() is None else []
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in members:
            with suppress(psutil.Error):
                process.kill()
        self._process.wait()
        self._selector.close()
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._stdout.close()


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if isinstance(message, dict):
        return message
    return {"status": "error", "reason": "something was written into the pipe of the worker", "spent": True}


def describe_death(returncode: int) -> str:
    """`killed by signal 11, SIGSEGV` or `exited with status 3`."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    with suppress(ValueError):
        return f"killed by signal {-returncode}, {signal.Signals(-returncode).name}"
    return f"killed by signal {-returncode}"


def judge_death(returncode: int, last_line: str) -> tuple[Status, str]:
    """The status and reason of a cell whose worker died by itself; `last_line` is what the log ends with."""
    if returncode == -signal.SIGKILL:
        return "oom", "killed by signal 9, most likely out of memory"
    said = f": {last_line}" if last_line else ""
    return "error", f"the process was {describe_death(returncode)}{said}".replace("was exited", "exited")
