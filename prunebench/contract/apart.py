"""The contract in a process of its own: a method that ends its process, or hangs in it, has failed and not passed.

The process is `child.py`; nothing here imports torch.
"""

import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prunebench.contract.finding import CONTRACT_SECONDS, Finding
from prunebench.errors import PrunebenchError
from prunebench.judgement import describe_death
from prunebench.sandbox.policy import Policy

_START_SECONDS = 300.0  # for importing torch from a cold disk
_GRACE_SECONDS = 20.0  # the process breaks off a check itself, unless that never comes back from compiled code


def examine_apart(
    spec: str,
    method_paths: Iterable[str | Path],
    policy: Policy,
    only: Sequence[str] = (),
    begin: Callable[[str], None] = lambda name: None,
) -> Iterator[Finding]:
    """`examine_method` in another process. If that ends early, the check it was at has failed, and is the last.

    Raises:
        PrunebenchError: as `examine_method`, or the process could not even begin.
    """
    received, sent = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "prunebench.contract.child", str(sent)],
        stdin=subprocess.PIPE, pass_fds=[sent], start_new_session=True,
    )  # fmt: skip
    os.close(sent)
    assert process.stdin is not None
    at: tuple[str, str] | None = None
    try:
        with suppress(BrokenPipeError), process.stdin as request:
            request.write(pickle.dumps((spec, [*map(str, method_paths)], policy, [*only])))
        for message in _messages(received):
            if "refused" in message:
                raise PrunebenchError(message["refused"])
            if "end" in message:
                return
            if "begin" in message:
                at = message["begin"]
                begin(at[0])
            elif "found" in message:
                yield Finding(*message["found"])
                at = None
        why = _why(process)
    finally:
        os.close(received)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if at is None:
        at = "header_valid", "the file can be imported, and run through the contract to its end"
    yield Finding(*at, why)


def _messages(received: int) -> Iterator[dict[str, Any]]:
    """What the process says, until it says no more or its time is over."""
    deadline, buffer = time.monotonic() + _START_SECONDS, b""
    with selectors.DefaultSelector() as selector:
        selector.register(received, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            data = os.read(received, 1 << 16)
            if not data:
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for message in map(json.loads, lines):
                if "ready" in message:
                    deadline = time.monotonic() + CONTRACT_SECONDS + _GRACE_SECONDS
                yield message


def _why(process: subprocess.Popen[bytes]) -> str:
    """Why there was no last message."""
    try:
        code = process.wait(timeout=1)  # its end of the pipe is closed a moment before
    except subprocess.TimeoutExpired:
        return "the process it ran in never came back; the other checks were not run"
    return f"the process it ran in {describe_death(code)} before the check was over; the other checks were not run"
