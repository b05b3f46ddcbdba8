import os
import time
from pathlib import Path

import pytest

from prunebench.slurm.allocation import Allocation, find_allocation


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A squeue that prints what the file holds."""
    command, answer = tmp_path / "squeue", tmp_path / "answer"
    command.write_text(f"#!/bin/sh\ncat {answer}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    return answer


def test_there_is_none_outside_of_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert find_allocation(1, None) is None


def test_slurm_tells_start_and_end(squeue: Path) -> None:
    squeue.write_text("2026-11-26T03:39:04|2026-11-26T04:39:04\n")
    allocation = find_allocation(1, None)
    assert allocation is not None
    assert allocation.seconds == 3600
    assert time.strftime("%H:%M:%S", time.localtime(allocation.end)) == "04:39:04"


@pytest.mark.parametrize("answer", ["", "N/A|N/A\n", "2026-11-26T03:39:04|Unknown\n"])
def test_without_an_end_there_is_no_limit(squeue: Path, answer: str) -> None:
    squeue.write_text(answer)
    assert find_allocation(1, None) is None


@pytest.mark.parametrize(
    ("attempt", "most_minutes", "last"), [(1, None, False), (3, None, True), (1, 60, True), (2, 90, False)]
)
def test_the_last_attempt_is_the_third_or_one_that_gets_all_the_time_there_is(
    squeue: Path, attempt: int, most_minutes: int | None, last: bool
) -> None:
    squeue.write_text("2026-11-26T03:39:04|2026-11-26T04:39:04\n")
    allocation = find_allocation(attempt, most_minutes)
    assert allocation is not None
    assert allocation.last == last


def test_some_time_is_left_to_end_in() -> None:
    assert Allocation(0, 60).last_moment == 50
    assert Allocation(0, 1000).last_moment == 950
    assert Allocation(0, 86400).last_moment == 86400 - 120
