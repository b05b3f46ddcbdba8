"""Full and read-only disks, moved results and a clock that was set back: a clear sentence or a right result."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prunebench.layout import METRICS
from tests.mounts import fill, read_only, small_disk
from tests.workflow.project import Project, environment
from tests.workflow.test_damage import WINDOWS, numbers, verify

pytestmark = pytest.mark.slow

NEW = {"pruned/magnitude/u60", "pruned/wanda/u60", "cells/magnitude/u60/perplexity", "cells/wanda/u60/perplexity"}


@contextmanager
def on_a_small_disk(folder: Path, size: str) -> Iterator[None]:
    """What is in the folder, on a disk of its own."""
    saved = folder.with_name(f"{folder.name}-saved")
    folder.rename(saved)
    with small_disk(folder, size):
        shutil.copytree(saved, folder, symlinks=True, dirs_exist_ok=True)
        yield


def test_a_full_disk_is_one_sentence_and_with_room_only_what_is_missing_is_computed(finished: Project) -> None:
    results = finished.root / "results"
    with on_a_small_disk(results, "4m"):
        before, ballast = finished.records(), fill(results)
        finished.config["targets"] = ["u50", "u60"]
        said = finished.snakemake(METRICS, succeeds=False)
        assert "(No space left on device); free space and run again: what is finished is kept" in said
        assert "Traceback" not in said
        assert finished.records() == before
        ballast.unlink()
        finished.collect()
        assert finished.computed(before) == NEW
        assert verify(finished)[0] == 0


def test_a_full_disk_under_the_whole_project_says_so_before_any_work(finished: Project) -> None:
    finished.config["targets"] = ["u50", "u60"]
    with on_a_small_disk(finished.root, "20m"):
        command, before, ballast = finished.command(METRICS), finished.records(), fill(finished.root)
        said = _refused(command, finished.root)
        assert f"{finished.root} cannot be written (No space left on device); free space and run again" in said
        ballast.unlink()
        finished.collect()
        assert finished.computed(before) == NEW


def test_read_only_results_are_one_sentence_and_cost_nothing(finished: Project) -> None:
    before = finished.records()
    finished.config["targets"] = ["u50", "u60"]
    command = finished.command(METRICS)
    with read_only(finished.root / "results"):
        said = _refused(command, finished.root)
        assert "Traceback" not in said
        assert f"{finished.root}/results cannot be written (Read-only file system); make its file system" in said
    with read_only(finished.root):
        said = _refused(command, finished.root)
        assert f"{finished.root} cannot be written (Read-only file system); make its file system" in said
        assert "Traceback" not in said
    finished.collect()
    assert finished.computed(before) == NEW


def test_results_moved_to_another_place_are_believed_and_extended(finished: Project, tmp_path: Path) -> None:
    metrics = (finished.root / METRICS).read_bytes()
    moved = Project(tmp_path / "another machine")
    moved.config = finished.config
    shutil.copytree(finished.root / "results", moved.root / "results", symlinks=True)
    shutil.rmtree(finished.root)
    for age, path in enumerate(sorted(path for path in (moved.root / "results").rglob("*") if path.is_file())):
        os.utime(path, (1.6e9 - age, 1.6e9 - age))  # the order in which they were made is lost
    before = moved.records()
    moved.collect()
    assert moved.computed(before) == set()
    assert (moved.root / METRICS).read_bytes() == metrics

    for link in (path for path in (moved.root / "results").rglob("*") if path.is_symlink()):
        target = tmp_path / "stayed behind" / link.name  # a local model is linked
        link.unlink()
        link.symlink_to(target)
    moved.config["targets"] = ["u50", "u60"]
    said = moved.snakemake(METRICS, succeeds=False)
    assert "which is not there; run prunebench verify --fix" in said
    assert verify(moved, "--fix")[0] == 0
    moved.collect()
    assert moved.computed(before) == NEW


def test_times_that_lie_cost_a_look_at_the_records_and_no_number(finished: Project) -> None:
    before, metrics = finished.records(), (finished.root / METRICS).read_bytes()
    files = sorted(path for path in (finished.root / "results").rglob("*") if path.is_file())
    for age, path in enumerate(files):
        os.utime(path, (1.7e9 - age, 1.7e9 - age))
    finished.collect()
    assert finished.computed(before) == set()
    assert numbers((finished.root / METRICS).read_bytes()) == numbers(metrics)


def test_a_text_that_changes_after_the_clock_was_set_back_is_measured(finished: Project) -> None:
    before = finished.records()
    text, tomorrow = finished.root / "assets" / "speeches.txt", time.time() + 86400
    _date(finished, tomorrow)
    text.write_text(text.read_text().replace("peace", "the people"))
    finished.snakemake(WINDOWS)  # and a power cut before anything was measured on them
    assert (finished.root / WINDOWS).stat().st_mtime > max(
        path.stat().st_mtime for path in (finished.root / "results" / "cells").rglob("*.json")
    )
    finished.collect()
    assert {name for name in finished.computed(before) if name.startswith("cells/")} == {
        f"cells/{cell}/perplexity" for cell in ("dense/u00", "magnitude/u50", "wanda/u50")
    }

    # The clock is set back between the two: the times say that all is well, and verify that it is not.
    before = finished.records()
    text.write_text(text.read_text().replace("people", "union"))
    finished.snakemake(WINDOWS)
    _date(finished, tomorrow, "cells", "pruned", "metrics.csv", "provenance.json")
    code, said = verify(finished)
    assert code == 0
    assert len([line for line in said.splitlines() if line.startswith("stale  results/cells/")]) == 3
    assert verify(finished, "--fix")[0] == 0
    finished.collect()
    assert {name for name in finished.computed(before) if name.startswith("cells/")} == {
        f"cells/{cell}/perplexity" for cell in ("dense/u00", "magnitude/u50", "wanda/u50")
    }
    code, said = verify(finished)
    assert (code, "stale" in said) == (0, False), said


def _refused(command: list[str], folder: Path) -> str:
    """What Snakemake said when it refused to run."""
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    return said


def _date(project: Project, when: float, *names: str) -> None:
    """Set the time of all results, or of those below some of their folders."""
    for name in names or ("",):
        place = project.root / "results" / name
        for path in [place] if place.is_file() else place.rglob("*"):
            os.utime(path, (when, when), follow_symlinks=False)
