"""One process at a time works on a file, whoever started it: an orphan of a killed run, a second run, another host.

The lock lies on a small file beside what is worked on. One that a killed process left means nothing; the next takes
it over.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from prunebench.locks import NoLocks, open_lock, sign, signature, try_lock, wait_lock


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
            except NoLocks as error:
                say(f"{path.parent} is on a file system without locks ({error}): two runs may compute the same twice")
                break
        yield waited


@contextmanager
def _locked(lock: Path, say: Callable[[str], None]) -> Iterator[bool]:
    descriptor, waited = _take(lock, say)
    try:
        sign(descriptor, lock)
        yield waited
    finally:
        with suppress(OSError):
            lock.unlink()  # while it is held: whoever waits for it then sees that it is another file's
        os.close(descriptor)


def _take(lock: Path, say: Callable[[str], None]) -> tuple[int, bool]:
    waited = False
    while True:
        descriptor = open_lock(lock)
        try:
            if not try_lock(descriptor):
                say(f"waiting for {signature(descriptor) or 'a process'}, which makes the same")
                waited = True
                wait_lock(descriptor)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), lock.stat()):
                    return descriptor, waited
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder is done and has removed it
