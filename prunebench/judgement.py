"""What an exception or a dead process means for a cell: a status, and the reason in one line."""

import signal
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from prunebench.errors import ContractError, MethodFailure, NotApplicable, PrunebenchError
from prunebench.files import encodable
from prunebench.results.records import Status

_REASON_LENGTH = 300
_NO_MEMORY = ("can't allocate memory", "out of memory", "cannot allocate memory")


def judge(error: BaseException, libraries: Sequence[str]) -> tuple[Status, str]:
    """The status and the reason of what a cell raised.

    Args:
        libraries: beginnings of the paths of files that are not a method's; the reason names the innermost
            other line.
    """
    reason = describe(error)
    if isinstance(error, MethodFailure):
        return cast(Status, error.status), reason
    if isinstance(error, ContractError):
        return "rejected", reason
    if isinstance(error, NotApplicable):
        return "na", reason
    if isinstance(error, PrunebenchError):
        return "error", reason
    # torch.OutOfMemoryError is a RuntimeError; the CPU allocator's has no class of its own.
    allocation = isinstance(error, RuntimeError) and any(sign in reason.lower() for sign in _NO_MEMORY)
    status: Status = "oom" if allocation or isinstance(error, MemoryError) else "error"
    return status, reason + _place(error, libraries)


def describe(error: BaseException) -> str:
    """The message in one line, after the type unless it is one of our own sentences."""
    # Not str(error): that runs the exception's own code, which may be as broken as the method it came from.
    text = str(error) if isinstance(error, PrunebenchError) else "".join(traceback.format_exception_only(error))
    return one_line(text)


def one_line(text: str) -> str:
    """The text with its white space made single blanks, cut to what a table can show."""
    line = " ".join(encodable(text).split())
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 1] + "…"


def describe_death(returncode: int) -> str:
    """`was killed by signal 11, SIGSEGV` or `exited with status 3`."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    with suppress(ValueError):
        return f"was killed by signal {-returncode}, {signal.Signals(-returncode).name}"
    return f"was killed by signal {-returncode}"


def _place(error: BaseException, libraries: Sequence[str]) -> str:
    """` (file.py:12)`: the innermost line that is neither a library's nor ours, which is the method's."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    own = [frame for frame in frames if not frame.filename.startswith((*libraries, "<"))]
    frame = (own or frames)[-1]
    return encodable(f" ({Path(frame.filename).name}:{frame.lineno})")
