"""A clock that was set back: what was made before would look newer than all that is made from now on.

Snakemake decides by times what is out of date. Records carry what they were made from, so a wrong decision costs a
job that finds its records current; but an input that is made anew would look older than the results of the old one.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_TOLERANCE_NS = 60 * 10**9  # the clock of a file server may be a little ahead


def settle_times(folders: Iterable[Path]) -> int:
    """Give files from the future the time that it is now, in the order they had; returns how many there were.

    A file that has vanished meanwhile or belongs to somebody else is passed over: times only save work.
    """
    now, future = time.time_ns(), []
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for path in (os.path.join(parent, name) for name in names):
                with suppress(OSError):
                    made = os.lstat(path).st_mtime_ns
                    if made > now + _TOLERANCE_NS:
                        future.append((made, path))
    rank = {made: place for place, made in enumerate(sorted({made for made, _ in future}))}
    count = 0
    for made, path in future:
        settled = now - len(rank) + rank[made]
        with suppress(OSError):
            os.utime(path, ns=(settled, settled), follow_symlinks=False)
            count += 1
    return count
