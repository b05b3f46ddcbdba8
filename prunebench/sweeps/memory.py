"""How much memory there is, and how much of it a process really holds."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from prunebench.config.schema import JobWork

_HELD = ("RssAnon:", "RssShmem:")
_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
# Of a control group: its limit, and what its processes hold; by version of the interface.
_V2 = ("memory.max", "anon")
_V1 = ("memory.limit_in_bytes", "total_rss")


def held_bytes(pid: int) -> int:
    """Resident memory of a process without the pages of files, which the kernel drops when it needs the room.

    Mapped weights are such pages: counted, a small machine would seem to be full when it is not. Where the system does
    not tell them apart, all resident memory.

    Raises:
        OSError, psutil.Error: there is no such process any more.
    """
    status = Path(f"/proc/{pid}/status")
    if not Path("/proc/self/status").exists():
        resident: int = psutil.Process(pid).memory_info().rss
        return resident
    lines = [line.split() for line in status.read_text(encoding="ascii", errors="replace").splitlines()]
    return 1024 * sum(int(line[1]) for line in lines if line and line[0] in _HELD)


def models_held(work: JobWork) -> int:
    """How many times a job holds its model's weights on the host, at most: the dense ones, a copy, and a third.

    The third is the values of the patch that a pruning makes, which an evaluation reads from a file, or the copy of the
    dense model that speed is measured beside.
    """
    return 3 if work in ("prune", "speed") else 2


def available_bytes() -> int:
    """What this process could still take: of the machine and of its control groups (Slurm's, a container's)."""
    return min([psutil.virtual_memory().available, *_rooms()])


def _rooms() -> Iterator[int]:
    with suppress(OSError, ValueError):
        for line in _OWN_GROUPS.read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            root = _GROUPS / "memory" if controllers else _GROUPS
            group = root / path.lstrip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError, StopIteration):
                    yield _room(folder, *(_V1 if controllers else _V2))
                if folder == root:
                    break


def _room(group: Path, limit: str, held: str) -> int:
    most = int((group / limit).read_text(encoding="ascii"))  # not of "max"
    lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    return most - next(int(line.split()[1]) for line in lines if line.split()[0] == held)
