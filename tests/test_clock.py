"""Files from the future become files of today, in their order."""

import os
import time
from pathlib import Path

from prunebench.clock import settle_times


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
