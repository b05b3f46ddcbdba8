"""What is missing is computed before it is published; what is published survives what deletes results."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, Project, environment


def prunebench(project: Project, *arguments: str) -> str:
    code = "from prunebench.cli.app import main; main()"
    for name in ("Snakefile", "workflow", "environment.yml"):
        if not (project.root / name).exists():
            (project.root / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--configfile", "config.yaml"],
        cwd=project.root, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_missing_and_stale_records_are_computed_and_then_published(finished: Project) -> None:
    said = prunebench(finished, "publish", "--all")
    assert "missing or not current" not in said
    assert said.count("written") == 3
    before = finished.records()
    path = finished.root / "methods" / "magnitude.py"
    path.write_text(path.read_text().replace("weight.abs()", "weight.abs() * (weight > 0)"))
    said = prunebench(finished, "publish", "magnitude")
    assert "magnitude: the records of 1 cells are missing or not current; Snakemake computes them" in said
    assert "estimate: 1 of 1 cells to compute" in said
    assert finished.computed(before) == {"pruned/magnitude/u50", "cells/magnitude/u50/perplexity"}
    assert not (finished.root / "reports").exists()
    # A method that the config does not list is published on the config's grid.
    shutil.copy(ROOT / "methods" / "random.py", finished.root / "methods")
    said = prunebench(finished, "publish", "random")
    assert "results/published/random.jsonl: 1 cells (1 ok)" in said
    said = prunebench(finished, "board")
    assert "4 cells: 4 ok; see reports/board/leaderboard.html" in said


def test_clean_leaves_what_is_published(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("results/published/wanda.jsonl", "results/metrics.csv", "results/.hidden", "reports/x.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for _ in range(2):
        subprocess.run(["make", "clean"], check=True, capture_output=True, cwd=tmp_path)
        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {"Makefile", "results/published/wanda.jsonl"}
    shutil.rmtree(tmp_path / "results")
    subprocess.run(["make", "clean"], check=True, capture_output=True, cwd=tmp_path)


def test_git_keeps_what_is_published_and_no_other_result(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for name in ("results/published/wanda.jsonl", "results/metrics.csv", "results/cells/a.json", "reports/x.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["git", "init"], check=True, capture_output=True, cwd=tmp_path)
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout.split()
    assert listed == [".gitignore", "results/published/wanda.jsonl"]


def test_the_published_default_run_is_sound() -> None:
    from prunebench.results.published.publication import laid_out, read_published

    found = read_published(ROOT / "results" / "published")
    assert "dense" in found
    for method, publication in found.items():
        assert (ROOT / "results" / "published" / f"{method}.jsonl").read_text() == laid_out(publication)
