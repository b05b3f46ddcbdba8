"""One run per working directory, with a lock that the kernel drops when its holder dies.

Snakemake's own lock is a file that stays behind after a kill, so that the next run refuses to start until
somebody removes it by hand. The profiles switch it off (`nolock`) and the Snakefile takes this one instead.
"""

import fcntl
import os
from pathlib import Path

from prunebench.errors import PrunebenchError
from prunebench.files import unwritable

LOCK_FILE = Path(".snakemake/prunebench.lock")

_held: list[int] = []  # open file descriptors: the lock lives as long as they and this process do


def hold_run_lock(path: Path = LOCK_FILE) -> None:
    """Take the lock for the rest of this process's life.

    Raises:
        PrunebenchError: another live run holds it, or the directory cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not inheritable: a worker that outlives a killed run must not keep the lock.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise unwritable(path, error.errno) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _written(descriptor)
        os.close(descriptor)
        raise PrunebenchError(
            f"another run ({holder}) is working in this directory; wait for it to end, or end it"
        ) from None
    except OSError:
        os.close(descriptor)  # a file system without locks: the person has to see to it
        return
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    _held.append(descriptor)


def run_at_work(path: Path = LOCK_FILE) -> str:
    """`process 12`, the run that works in this directory; empty if none does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(descriptor)
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return ""


def _written(descriptor: int) -> str:
    return f"process {os.read(descriptor, 32).decode(errors='replace').strip() or 'unknown'}"
