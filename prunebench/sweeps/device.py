"""Which device a worker computes on, and the lock that keeps two workers off one GPU.

Neither Snakemake nor a shell says which GPU a job may use, so each worker takes the first GPU nobody else
has locked and waits where there is none. The lock is the kernel's: it goes when the process does.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import torch

_RETRY_SECONDS = 0.5


def claim_device(say: Callable[[str], None]) -> torch.device:
    """The GPU this process now holds until it ends, or the CPU where torch sees no GPU.

    Args:
        say: told when all GPUs are taken and this process waits.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    index, lock = claim_first_free(names, say)
    _held.append(lock)
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def claim_first_free(names: Sequence[str], say: Callable[[str], None]) -> tuple[int, TextIO]:
    """Lock the first of `names` that is free on this machine, waiting for one if need be.

    Returns:
        Its index, and the open file that holds the lock until it is closed.
    """
    waiting = False
    while True:
        for index, name in enumerate(names):
            lock = _try_lock(Path(tempfile.gettempdir()) / f"prunebench-gpu-{name}.lock")
            if lock is not None:
                return index, lock
        if not waiting:
            say(f"waiting for one of {len(names)} busy GPU(s)")
            waiting = True
        time.sleep(_RETRY_SECONDS)


def _try_lock(path: Path) -> TextIO | None:
    # Every user of the machine shares its GPUs, so somebody else's file must do: reading is enough for flock,
    # and Linux refuses to open another user's file in /tmp with O_CREAT.
    try:
        file = path.open()
    except FileNotFoundError:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


# Closing a lock's file would free the GPU; these stay open for the life of the process.
_held: list[TextIO] = []
