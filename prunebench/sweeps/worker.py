"""The child process of a job: loads the dense model once, then works through the cells it is handed.

It talks JSON lines with its supervisor: first comes a setup, answered when ready, then one cell after
another, each answered with its status. Methods run in here. What they print goes to the log, what they raise
becomes a status, and what they leave in torch's and Python's global state is reset before the next cell.
"""

import ctypes
import gc
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import prunebench
from prunebench.errors import MethodFailure, PrunebenchError, StorageError
from prunebench.files import encodable, has_room, storage_error
from prunebench.judgement import describe, judge
from prunebench.sweeps.joblog import stamped

Say = Callable[[str], None]

_RESULTS = Path("results")
_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "500"  # of 1000: the kernel, out of memory, is to kill this process rather than its parent


class InfrastructureError(PrunebenchError):
    """Trouble that is no method's doing: the job fails and may be tried again."""


class Handler(Protocol):
    """What a kind of job does with a cell."""

    def attempt(self, cell: dict[str, Any]) -> Any:
        """The part that is judged: whatever it raises becomes the cell's status (except the machine's trouble)."""

    def keep(self, cell: dict[str, Any], result: Any) -> dict[str, Any]:
        """The part that is not: store the result of `attempt`, and return the reply to the supervisor.

        What this raises is infrastructure: a full disk, above all.
        """

    def intact(self) -> bool:
        """After a failure: whether what the cells share is still what it was."""

    def failed_cost(self) -> dict[str, Any]:
        """After a failure: what of its cost is known all the same."""


def serve(make_handler: Callable[[dict[str, Any], Say], tuple[Handler, dict[str, Any]]], parent: int) -> None:
    """Answer the supervisor, process `parent`, until it goes away.

    Args:
        make_handler: makes the handler from the setup and a function that logs a line; what it returns beside
            the handler is sent as the answer. Whatever it raises is infrastructure.
    """
    _die_with(parent)
    channel, home = _Channel(), Path.cwd()
    try:
        handler, ready = make_handler(channel.receive(), say)
        channel.send({"ready": True, **ready})
        while True:
            channel.send(_run(handler, channel.receive(), home))
    except BaseException as error:
        _log_traceback(error)
        channel.send({"infrastructure": True, "status": "error", "reason": describe(error)})


def say(text: str) -> None:
    """Write a stamped line to the log."""
    _log((encodable(stamped(text)) + "\n").encode())


def _run(handler: Handler, cell: dict[str, Any], home: Path) -> dict[str, Any]:
    gc.collect()
    started = time.perf_counter()
    try:
        result = _attempt(handler, cell, home)
    except (InfrastructureError, StorageError):
        raise
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: a method may raise anything
        _log_traceback(error)
        if (trouble := _refused_by_the_disk(error)) is not None:
            raise trouble from error
        status, reason = judge(error, (sys.prefix, sys.base_prefix, str(Path(prunebench.__file__).parent)))
        # After an error memory may be in pieces and a CUDA context unusable; a broken contract is found by our
        # own checks, on a finished model, and what failed in a sandbox has spoilt only that.
        raised_here = status in ("error", "oom") and not isinstance(error, MethodFailure)
        spent = raised_here or not handler.intact()
        reply: dict[str, Any] = {"status": status, "reason": reason, "spent": spent, **handler.failed_cost()}
    else:
        reply = handler.keep(cell, result)
    return {"seconds": time.perf_counter() - started, **reply}


def _attempt(handler: Handler, cell: dict[str, Any], home: Path) -> Any:
    try:
        return handler.attempt(cell)
    finally:
        os.chdir(home)  # results have relative paths, wherever the method has gone


def _refused_by_the_disk(error: BaseException) -> InfrastructureError | None:
    """Trouble with the disk where results or scratch files lie. What a method says of another one is its own."""
    if (trouble := storage_error(error, _RESULTS)) is not None:
        for folder in filter(Path.exists, (_RESULTS, Path(tempfile.gettempdir()))):
            if not os.access(folder, os.W_OK) or not has_room(folder):
                return InfrastructureError(str(trouble))
    return None


def _log_traceback(error: BaseException) -> None:
    _log("".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace"))


def _log(text: bytes) -> None:
    # To the file descriptor: sys.stderr may be whatever a method has put there. A full disk is told of by what
    # cannot be stored; a line of progress that is lost is not to fail a cell.
    with suppress(OSError):
        os.write(2, text)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":  # elsewhere `_Channel` notices; this works even where no Python code gets to run
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    if os.getppid() != parent:  # it went before the line above could matter
        os._exit(1)


class _Channel:
    """The pipes to the supervisor, moved out of the reach of everything that reads stdin or prints."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._out = os.dup(1)
        lines = os.fdopen(os.dup(0), encoding="utf-8")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        self._messages: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(lines,), daemon=True).start()

    def _listen(self, lines: Any) -> None:
        for line in lines:
            self._messages.put(line)
        os._exit(0)  # the supervisor closed the pipe or is dead; a method may be running, and nobody waits for it

    def receive(self) -> dict[str, Any]:
        return json.loads(self._messages.get())

    def send(self, message: dict[str, Any]) -> None:
        with suppress(Exception):  # what was printed belongs into the log before what comes next
            sys.stdout.flush()
        if os.getpid() != self._pid:  # a method forked, and this is the child coming back
            os._exit(1)
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._out, data) :]


def main() -> None:
    """Entry point of the process; its only argument is the supervisor's process id."""
    from prunebench.sweeps.handlers import make_handler  # imports torch, which takes seconds

    serve(make_handler, int(sys.argv[1]))


if __name__ == "__main__":
    # As `__main__` this module's classes are not the ones that handlers.py imports and raises.
    from prunebench.sweeps import worker

    worker.main()
