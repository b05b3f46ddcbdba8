"""One run per working directory.

Snakemake's own lock is a file that stays behind after a kill, so that the next run refuses to start until
somebody removes it by hand. The profiles switch it off (`nolock`) and the Snakefile takes this one instead.
"""

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prunebench.errors import PrunebenchError
from prunebench.locks import NoLocks, holder, open_lock, sign, signature, try_lock

LOCK_FILE = Path(".snakemake/prunebench.lock")

_HOSTS = re.compile(r"process \d+ on (\S+)(?: after a run on (\S+))?")


@dataclass(frozen=True)
class RunLock:
    """The lock of this process, which keeps it until it ends.

    Attributes:
        path: the lock file.
        descriptor: open for good, as closing it would let go of the lock; None where no lock can be had.
        other_host: where an earlier run was started that may still be at work: locks may be local to a host. The
            lock file keeps that name until `forget_other_host`.
    """

    path: Path
    descriptor: int | None = None
    other_host: str | None = None

    @property
    def held(self) -> bool:
        """Whether no other run can be at work in this directory, as far as locks say."""
        return self.descriptor is not None

    def forget_other_host(self) -> None:
        """Note that nothing of the earlier run is at work any more."""
        if self.descriptor is not None:
            sign(self.descriptor, self.path)


def hold_run_lock(tell: Callable[[str], None], path: Path = LOCK_FILE) -> RunLock:
    """Take the lock for the rest of this process's life.

    Args:
        tell: told if no lock can be had; then the person has to see to it.

    Raises:
        PrunebenchError: another live run holds it, or the directory cannot be written to.
    """
    descriptor = open_lock(path)
    try:
        if not try_lock(descriptor):
            raise PrunebenchError(
                f"another run ({signature(descriptor) or 'an unknown process'}) is working in this directory; wait for "
                "it to end, or end it"
            )
        hosts = _HOSTS.fullmatch(signature(descriptor))
        others = [host for host in (hosts.groups() if hosts else ()) if host not in (None, socket.gethostname())]
        sign(descriptor, path, f" after a run on {others[0]}" if others else "")
    except NoLocks as error:
        os.close(descriptor)
        tell(
            f"no lock can be had on {path} ({error}): see to it that no other run is at work in this directory; jobs "
            "that an earlier one left in a cluster's queue are not ended"
        )
        return RunLock(path)
    except PrunebenchError:
        os.close(descriptor)
        raise
    return RunLock(path, descriptor, others[0] if others else None)


def run_at_work() -> str | None:
    """`process 12 on some-host`, the run that works in this directory; None if none does."""
    return holder(LOCK_FILE)
