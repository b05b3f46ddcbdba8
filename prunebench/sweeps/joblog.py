"""A job's log: one file that the parent, the worker and whatever a method prints all append to."""

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

_STAMPED = re.compile(r"\[\d\d:\d\d:\d\d\] ")


class JobLog:
    """Appends time-stamped lines; opened for each line, so that lines of two processes never mix."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)

    def line(self, text: str) -> None:
        """Write `[hh:mm:ss] text`. Where the disk is full it is lost: what counts is whether the record can be kept."""
        with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(stamped(text) + "\n")

    def size(self) -> int:
        """Bytes written so far: the place where what comes next begins."""
        return self.path.stat().st_size if self.path.exists() else 0

    def last_line(self, since: int) -> str:
        """The last line written after byte `since` that is neither empty nor one of our own; empty if there is none."""
        with self.path.open("rb") as file:
            file.seek(max(since, self.size() - 4096))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
        return next((line for line in reversed(lines) if line and not _STAMPED.match(line)), "")


def stamped(text: str) -> str:
    """The line as it stands in a log."""
    return f"[{datetime.now():%H:%M:%S}] {text}"
