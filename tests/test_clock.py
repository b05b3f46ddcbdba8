"""Files from the future become files of today, in their order."""

import os
import time
from pathlib import Path

import pytest

from prunebench.clock import settle_times
from tests.nobody import as_nobody, shared_folder


def test_the_future_becomes_the_present_in_its_order_and_the_past_stays(tmp_path: Path) -> None:
    now = time.time()
    times = {"b/old": now - 100, "b/skewed": now + 5, "b/late": now + 9000, "a/later": now + 9001, "c": now + 9001}
    for name, when in times.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (when, when))
    assert settle_times([tmp_path, tmp_path / "absent"]) == 3
    late, later, same = ((tmp_path / name).stat().st_mtime_ns for name in ("b/late", "a/later", "c"))
    assert now * 1e9 < late < later <= time.time_ns()
    assert same == later
    assert [round((tmp_path / name).stat().st_mtime - now) for name in ("b/old", "b/skewed")] == [-100, 5]
    assert settle_times([tmp_path]) == 0


def test_a_file_that_vanishes_meanwhile_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names(folder: Path) -> list[tuple[str, list[str], list[str]]]:
        return [(str(folder), [], ["gone", "late"])]

    (tmp_path / "late").touch()
    os.utime(tmp_path / "late", (time.time() + 9000,) * 2)
    monkeypatch.setattr(os, "walk", names)
    assert settle_times([tmp_path]) == 1


def test_files_of_another_user_keep_their_times() -> None:
    with shared_folder() as folder:
        (folder / "late").touch()
        os.utime(folder / "late", (time.time() + 9000,) * 2)
        assert as_nobody(lambda: settle_times([folder]) == 0)
        assert settle_times([folder]) == 1
