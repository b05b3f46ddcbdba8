"""Which device a worker computes on, and the lock that keeps two workers off one GPU.

Neither Snakemake nor a shell says which GPU a job may use, so each worker takes the first GPU nobody else
has locked and waits where there is none. The lock is the kernel's: it goes when the process does.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from prunebench.locks import NoLocks, open_lock, try_lock

LOCKS = Path("/tmp")  # not TMPDIR, which a scheduler or a user may give each job of its own
_RETRY_SECONDS = 0.5


def claim_device(say: Callable[[str], None]) -> torch.device:
    """The GPU this process now holds until it ends, or the CPU where torch sees no GPU.

    Args:
        say: told when all GPUs are taken and this process waits.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    index, _ = claim_first_free(names, say)  # the lock stays open for the life of the process
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def claim_first_free(names: Sequence[str], say: Callable[[str], None]) -> tuple[int, int]:
    """Lock the first of `names` that is free on this machine, waiting for one if need be.

    Returns:
        Its index, and the descriptor that holds the lock until it is closed.
    """
    waiting = False
    while True:
        for index, name in enumerate(names):
            lock = open_lock(LOCKS / f"prunebench-gpu-{name}.lock")
            try:
                free = try_lock(lock)
            except NoLocks as error:
                say(f"no lock can be had in {LOCKS} ({error}): another process may compute on the same GPU")
                free = True
            if free:
                return index, lock
            os.close(lock)
        if not waiting:
            say(f"waiting for one of {len(names)} busy GPU(s)")
            waiting = True
        time.sleep(_RETRY_SECONDS)
