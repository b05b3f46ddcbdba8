"""One process at a time works on a file, whoever started it: an orphan of a killed run, a second run, another host.

The lock is the kernel's, on a small file beside what is worked on, and goes when its holder does, however it ends.
A lock file that a killed process left means nothing; the next one takes it over.
"""

import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from prunebench.files import unwritable

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def lock_of(path: Path) -> Path:
    """The lock file of a file that is worked on."""
    return path.with_name(f".{path.name}.lock")


@contextmanager
def alone(paths: Sequence[Path], say: Callable[[str], None]) -> Iterator[bool]:
    """Hold the locks of files that are about to be made, waiting for others to finish them if need be.

    A file system without locks is told of and worked on as it is.

    Args:
        say: told whom this process waits for.

    Returns:
        Whether it had to wait: then somebody else may have made them meanwhile.

    Raises:
        StorageError: nothing can be written there, which is better known before the work than after it.
    """
    with ExitStack() as held:
        waited = False
        for path in sorted(paths):  # in one order, so that two jobs never wait for each other
            try:
                waited |= held.enter_context(_locked(lock_of(path), say))
            except _NoLocks as error:
                say(f"{path.parent} is on a file system without locks ({error}): two runs may compute the same twice")
                break
        yield waited


def holder(lock: Path) -> str | None:
    """`process 12 on some-host`, which holds the lock file; None if nobody does."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return os.read(descriptor, 300).decode(errors="replace").strip() or "a process"
    except OSError:
        return None
    finally:
        os.close(descriptor)


class _NoLocks(Exception):
    """The file system does not know locks."""


@contextmanager
def _locked(lock: Path, say: Callable[[str], None]) -> Iterator[bool]:
    descriptor, waited = _take(lock, say)
    try:
        yield waited
    finally:
        with suppress(OSError):
            lock.unlink()  # while it is held: whoever waits for it then sees that it is another file's
        os.close(descriptor)


def _take(lock: Path, say: Callable[[str], None]) -> tuple[int, bool]:
    waited = False
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            # Not inherited: a worker that outlives this process must not keep the lock.
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise unwritable(lock, error.errno) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = os.read(descriptor, 300).decode(errors="replace") or "a process"
                say(f"waiting for {who}, which makes the same")
                waited = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _NO_LOCKS:
                raise _NoLocks(error.strerror) from None
            raise
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                break
        os.close(descriptor)  # its holder is done and has removed it
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
    except OSError as error:
        os.close(descriptor)
        raise unwritable(lock, error.errno) from error
    return descriptor, waited
