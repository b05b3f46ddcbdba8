"""One process in the sandbox as its parent sees it: messages with a deadline, output with a limit, and an end."""

import os
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from prunebench.errors import ContractError, MethodFailure, PrunebenchError
from prunebench.judgement import describe_death, one_line
from prunebench.sandbox.confinement import sandbox_command
from prunebench.sandbox.policy import Policy
from prunebench.sandbox.seccomp import system_call_filter
from prunebench.sandbox.watch import Watch
from prunebench.sandbox.wire import Accept, read_message, to_bytes

_POLL_MILLISECONDS = 50
_START_SECONDS = 300.0  # for importing torch from a cold disk
_OUTPUT_BYTES = 1 << 16  # of what a method prints reach the log
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class SandboxProcess:
    """Starts without waiting. After an error it is out of step and of no further use: kill it."""

    def __init__(self, method: Path, policy: Policy) -> None:
        self._policy = policy
        filter_read, written = os.pipe()
        try:
            with os.fdopen(written, "wb") as pipe:
                pipe.write(system_call_filter())  # two kilobytes, which fit into any pipe
            self._process = subprocess.Popen(
                sandbox_command(method, policy.limits.scratch_mb << 20, filter_read),
                env=_environment(policy.threads), pass_fds=[filter_read], bufsize=0,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        finally:
            os.close(filter_read)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out, self._err = (
            stream.fileno() for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        for descriptor in (self._in, self._out, self._err):
            os.set_blocking(descriptor, False)
        self._watch = Watch(self._process.pid, policy.limits)
        self._left = policy.limits.minutes * 60  # seconds for what the method has still to do
        self._deadline = time.monotonic() + _START_SECONDS
        self._printed = 0
        self._last_words = ""

    def wait_until_ready(self) -> None:
        """Wait until torch is imported; nothing of the method has run by then, and none of its time.

        Raises:
            MethodFailure: it did not start.
        """
        try:
            read_message(self._fill, _nothing)
        except MethodFailure as failure:
            reason = f"not ready after {_START_SECONDS:g} s" if failure.status == "timeout" else str(failure)
            raise MethodFailure("error", f"the sandbox did not start: {reason}") from None
        self._watch.begin()

    def exchange(
        self, message: Mapping[str, Any], tensors: Mapping[str, Tensor], accept: Accept | None = None
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Send a message and wait for the reply to it.

        Args:
            accept: see `wire.read_message`; None = the reply is to have no tensors.

        Raises:
            MethodFailure: a limit was reached, or the process is gone.
            ContractError: the reply is none, or `accept` says so.
        """
        self._deadline = time.monotonic() + self._left
        self._send(message, tensors)
        reply = read_message(self._fill, accept or _nothing)
        self._left = self._deadline - time.monotonic()
        return reply

    def kill(self) -> None:
        """End it: with bubblewrap's own process goes the one it guards, and with that its namespace's every process."""
        self._process.kill()
        self._process.wait()
        self._watch.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _send(self, message: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        for part in to_bytes(message, tensors):
            while len(part):
                self._wait(self._in, select.POLLOUT)
                try:
                    part = part[os.write(self._in, part) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise self._end() from None

    def _fill(self, view: memoryview) -> None:
        while len(view):
            self._wait(self._out, select.POLLIN)
            try:
                count = os.readv(self._out, [view])
            except BlockingIOError:
                continue
            if not count:
                raise self._end()
            view = view[count:]

    def _wait(self, descriptor: int, event: int) -> None:
        """Until `descriptor` is ready; meanwhile look after the process and pass on what it prints."""
        poll = select.poll()
        poll.register(descriptor, event)
        poll.register(self._err, select.POLLIN)
        while True:
            events = dict(poll.poll(_POLL_MILLISECONDS))
            self._watch.look(self._deadline)
            if self._err in events and not self._pass_on_output():
                poll.unregister(self._err)
            if descriptor in events:
                return

    def _pass_on_output(self) -> bool:
        """Write what it printed to our own stderr, up to a limit and without control characters; False at its end."""
        try:
            data = os.read(self._err, 1 << 16)
        except BlockingIOError:
            return True
        text = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in data.decode("utf-8", "replace"))
        self._last_words = next((line for line in reversed(text.splitlines()) if line.strip()), self._last_words)
        if self._printed < _OUTPUT_BYTES:
            shown = text[: _OUTPUT_BYTES - self._printed]
            self._printed += len(data)
            cut = "\n(the sandbox's output is cut here)\n" if self._printed >= _OUTPUT_BYTES else ""
            os.write(2, (shown + cut).encode("utf-8", "replace"))
        return bool(data)

    def _end(self) -> PrunebenchError:
        """Why it said no more."""
        # Bubblewrap holds the pipes too, so their end is its end, whatever the method does to its own.
        code = self._process.wait()
        while select.select([self._err], [], [], 0)[0] and self._pass_on_output():
            pass
        code = 128 - code if code > 128 else code  # how bubblewrap passes on a signal
        if code == -9:
            if self._watch.cpu_seconds > 0.9 * cpu_seconds(self._policy):
                return MethodFailure(
                    "timeout", f"took more CPU time than sandbox.minutes = {self._policy.limits.minutes:g}"
                )
            return MethodFailure("oom", "killed by signal 9 in the sandbox, most likely out of memory")
        said = f": {one_line(self._last_words)}" if self._last_words else ""
        return MethodFailure("error", f"the method's process {describe_death(code)}{said}")


def cpu_seconds(policy: Policy) -> float:
    """The CPU time a sandbox may take: that of its wall time on each of its threads."""
    return policy.limits.minutes * 60 * policy.threads


def _nothing(name: str, *_: object) -> None:
    raise ContractError(f"an unexpected tensor {name[:40]!r} came out of the sandbox")


def _environment(threads: int) -> dict[str, str]:
    return {
        **dict.fromkeys(_THREAD_VARIABLES, str(threads)),
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "",
    }
