"""Locks of the kernel on small files: each goes with the process that holds it, however that ends.

A lock file that stays behind means nothing. Every user may lock it: folders and GPUs are shared.
"""

import errno
import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from prunebench.files import unwritable

_PROBE_SECONDS = 0.01


class NoLocks(Exception):
    """No lock can be had there, mostly because the file system knows none; says what the system said."""


def open_lock(path: Path) -> int:
    """A descriptor of the lock file, which is made if need be; closing it lets go of its lock.

    Raises:
        StorageError: it cannot be made or opened.
    """
    # Not inherited: a worker that outlives this process must not keep the lock.
    common = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            # Linux refuses to open another user's file in /tmp with O_CREAT, so a file that is there comes first.
            with suppress(FileNotFoundError):
                try:
                    return os.open(path, os.O_RDWR | common)
                except PermissionError:
                    return os.open(path, os.O_RDONLY | common)  # enough to lock it
            with suppress(FileExistsError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | common, 0o666)
                with suppress(OSError):
                    os.fchmod(descriptor, 0o666)  # whatever the umask
                return descriptor
    except OSError as error:
        raise unwritable(path, error.errno) from error


def try_lock(descriptor: int) -> bool:
    """Take the lock if nobody holds it; whether that was so.

    Raises:
        NoLocks: there are none.
    """
    while not _flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
        if _is_held(descriptor):
            return False
        time.sleep(_PROBE_SECONDS)  # somebody just looked whether it is held
    return True


def wait_lock(descriptor: int) -> None:
    """Take the lock once nobody else holds it.

    Raises:
        NoLocks: there are none.
    """
    _flock(descriptor, fcntl.LOCK_EX)


def sign(descriptor: int, path: Path, more: str = "") -> None:
    """Write into the lock file who holds it, for others to say so.

    Raises:
        StorageError: the disk is full.
    """
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}{more}".encode(), 0)
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.EINVAL):  # of a file that may only be read
            raise unwritable(path, error.errno) from error


def signature(descriptor: int) -> str:
    """`process 12 on some-host`, as its holder wrote it; empty if nobody has."""
    return os.pread(descriptor, 300, 0).decode(errors="replace").strip()


def holder(path: Path) -> str | None:
    """`process 12 on some-host`, which holds the lock file; None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return (signature(descriptor) or "a process") if _is_held(descriptor) else None
    except (OSError, NoLocks):
        return None
    finally:
        os.close(descriptor)


def _is_held(descriptor: int) -> bool:
    """Whether another open file has the lock; for that moment it is shared, as nobody holds it."""
    if not _flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB):
        return True
    _flock(descriptor, fcntl.LOCK_UN)
    return False


def _flock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NoLocks(error.strerror) from None
    return True
