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


class Watch:
    """Looks at the process tree below `pid`, and raises where it takes more than it may."""

    def __init__(self, pid: int, limits: SandboxLimits) -> None:
        self._pid = pid
        self._limits = limits
        self._process: psutil.Process | None = None
        self._seen = 0.0
        self.cpu_seconds = 0.0

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
        with suppress(psutil.Error):
            with process.oneshot():
                resident, threads = process.memory_info().rss, process.num_threads()
                times = process.cpu_times()
            self.cpu_seconds = times.user + times.system
            if resident > self._limits.memory_gb * 1e9 + _IDLE_BYTES:
                raise MethodFailure("oom", f"took more memory than sandbox.memory_gb = {self._limits.memory_gb:g}")
            if threads > _THREADS:
                raise MethodFailure("error", f"started {threads} threads in the sandbox, which allows {_THREADS}")
            if (files := _count_files(process.pid)) > _FILES:
                raise MethodFailure("error", f"made {files} files in the sandbox, which allows {_FILES}")

    def find(self) -> psutil.Process | None:
        """The interpreter, the last of bubblewrap's two or three processes; None before it has started."""
        if self._process is None:
            with suppress(psutil.Error, OSError):
                for process in psutil.Process(self._pid).children(recursive=True):
                    if process.name() != "bwrap":
                        self._process = process
                        Path(f"/proc/{process.pid}/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
        return self._process


def _count_files(pid: int) -> int:
    with suppress(OSError):
        scratch = os.statvfs(f"/proc/{pid}/root/tmp")
        return scratch.f_files - scratch.f_ffree
    return 0
