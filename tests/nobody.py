"""What another user of the machine can do, for tests that root runs."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that all users may write to."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def as_nobody(check: Callable[[], bool]) -> bool:
    """What the function returns to another user; an error is False."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    child = os.fork()
    if child == 0:
        passed = False
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            passed = check()
        finally:
            os._exit(0 if passed else 1)
    return os.waitpid(child, 0)[1] == 0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
