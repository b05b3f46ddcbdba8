"""Memory that is held, and memory that is left, also in control groups."""

import mmap
import os
from pathlib import Path

import psutil
import pytest

from prunebench.sweeps import memory
from prunebench.sweeps.memory import available_bytes, held_bytes


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells pages of files apart")
def test_what_a_process_holds_grows_with_what_it_allocates() -> None:
    before = held_bytes(os.getpid())
    size = 100 << 20
    # Asked of the kernel: the allocator may hand out pages that the process has been holding since an earlier test.
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        block.write(b"x" * size)
        assert held_bytes(os.getpid()) - before > 0.9 * size
    assert before <= psutil.Process().memory_info().rss


def test_a_process_that_is_gone_is_an_error() -> None:
    with pytest.raises((OSError, psutil.Error)):
        held_bytes(2**22 + 1)


GB = 10**9
V2 = {
    "job/memory.max": "max",
    "job/memory.stat": "anon 0",
    "memory.max": f"{3 * GB}",
    "memory.stat": f"anon {GB}\nfile 5",
}
V1 = {"job/memory.limit_in_bytes": f"{5 * GB}", "job/memory.stat": f"cache 9\ntotal_rss {GB}"}


@pytest.mark.parametrize(
    ("own", "folder", "files", "room"),
    [
        ("0::/job/step\n", "", V2, 2 * GB),  # the limit is that of a group above
        ("7:cpu:/other\n4:memory:/job\n0::/\n", "memory", V1, 4 * GB),
        ("0::/\n", "", {}, 100 * GB),
        ("nonsense", "", {}, 100 * GB),
    ],
)
def test_the_least_room_of_machine_and_control_groups_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, folder: str, files: dict[str, str], room: int
) -> None:
    (tmp_path / "own").write_text(own)
    for name, content in files.items():
        path = tmp_path / "groups" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 100 * GB}))
    assert available_bytes() == room
