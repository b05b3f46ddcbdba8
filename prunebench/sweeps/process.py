"""A worker's process as its parent sees it: two pipes, a memory to watch, and an end."""

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from prunebench.sweeps.memory import held_bytes

_POLL_SECONDS = 0.05
_CHILDREN_EVERY = 1.0  # seconds; looking for a worker's children reads the whole process table


class WorkerProcess:
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

    def held_bytes(self) -> int:
        """Memory that the worker and its children hold (see `held_bytes`); pages they share count once for each."""
        total = 0
        for process in self._members():
            with suppress(OSError, psutil.Error):
                total += held_bytes(process.pid)
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
