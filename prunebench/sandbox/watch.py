"""What the parent looks at while a sandboxed method works: its time, its memory, its threads and its files."""

import os
import time
from contextlib import suppress
from pathlib import Path

import psutil

from prunebench.config.schema import SandboxLimits
from prunebench.errors import MethodFailure

_EVERY = 0.05  # seconds
_THREADS = 256
_FILES = 10_000  # a file system of a limited size can hold empty files without end
_OOM_SCORE = "1000"  # of 1000: if the kernel needs memory, it is to take this process's
_IDLE_BYTES = 1e9  # more than an interpreter with torch takes by itself
_DYING_SECONDS = 1.0  # for which the first thread of a process may be gone before its others are


class Watch:
    """Looks at the process tree below `pid`, and raises where it takes more than it may, or hides what it takes."""

    def __init__(self, pid: int, limits: SandboxLimits) -> None:
        self._pid = pid
        self._limits = limits
        self._process: psutil.Process | None = None
        self._scratch: int | None = None
        self._seen = 0.0
        self._blind_since: float | None = None
        self.cpu_seconds = 0.0

    def begin(self) -> None:
        """Take hold of the process and of its file system, before anything of the method has run.

        Later a method could put another file system, or none, where it is looked for.

        Raises:
            MethodFailure: they cannot be had.
        """
        process = self.find()
        if process is None:
            raise MethodFailure("error", "the sandbox did not start: its process cannot be found")
        try:
            self._scratch = os.open(f"/proc/{process.pid}/root/tmp", os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise MethodFailure("error", f"the sandbox did not start: its files cannot be watched: {error}") from None

    def close(self) -> None:
        """Let go of the file system, which lives as long as it is held."""
        if self._scratch is not None:
            os.close(self._scratch)
            self._scratch = None

    def look(self, deadline: float) -> None:
        """Compare with the limits; cheap enough to be called at any rate.

        Args:
            deadline: when the method's time is over, by `time.monotonic()`.

        Raises:
            MethodFailure: `timeout`, `oom` or `error`.
        """
        now = time.monotonic()
        if now - self._seen < _EVERY:
            return
        self._seen = now
        if now > deadline:
            raise MethodFailure("timeout", f"took longer than sandbox.minutes = {self._limits.minutes:g}")
        process = self.find()
        if process is None:
            return
        if self._scratch is not None and (files := _count_files(self._scratch)) > _FILES:
            raise MethodFailure("error", f"made {files} files in the sandbox, which allows {_FILES}")
        try:
            with process.oneshot():
                resident, threads = process.memory_info().rss, process.num_threads()
                times = process.cpu_times()
        except psutil.ZombieProcess:
            self._look_for_life(process.pid, now)
            return
        except psutil.NoSuchProcess:
            return  # it has ended, and its pipes are about to
        except psutil.Error as error:
            raise MethodFailure("error", f"hid its memory from the sandbox's watch: {error}") from None
        self.cpu_seconds = times.user + times.system
        if threads > _THREADS:
            raise MethodFailure("error", f"started {threads} threads in the sandbox, which allows {_THREADS}")
        if resident == 0:
            self._look_for_life(process.pid, now)
            return
        self._blind_since = None
        if resident > self._limits.memory_gb * 1e9 + _IDLE_BYTES:
            raise MethodFailure("oom", f"took more memory than sandbox.memory_gb = {self._limits.memory_gb:g}")

    def find(self) -> psutil.Process | None:
        """The interpreter, the last of bubblewrap's two or three processes; None before it has started."""
        if self._process is None:
            with suppress(psutil.Error, OSError):
                for process in psutil.Process(self._pid).children(recursive=True):
                    if process.name() != "bwrap":
                        self._process = process
                        Path(f"/proc/{process.pid}/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
        return self._process

    def _look_for_life(self, pid: int, now: float) -> None:
        """The process's first thread has no memory: it is over, or only that thread has ended, which hides the rest."""
        if not any(map(_has_memory, _threads(pid))):
            return  # it has ended, and its pipes are about to
        if self._blind_since is None:
            self._blind_since = now
        elif now - self._blind_since > _DYING_SECONDS:
            raise MethodFailure("error", "ended its main thread and went on in another, where its memory is not seen")


def _count_files(scratch: int) -> int:
    counts = os.fstatvfs(scratch)
    return counts.f_files - counts.f_ffree


def _threads(pid: int) -> list[Path]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []


def _has_memory(thread: Path) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return int((thread / "statm").read_text(encoding="ascii").split()[1]) > 0
    return False
