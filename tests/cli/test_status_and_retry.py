"""`status` counts what the records say; `retry` forgets the failed ones and nothing else."""

from pathlib import Path

import pytest

from prunebench.cli.cells import read_states
from prunebench.cli.options import read_config
from prunebench.layout import Sweep
from prunebench.results.records import CellId, EvaluationRecord, PruneRecord, Status, save_record
from prunebench.runlock import hold_run_lock
from tests.cli.conftest import Run

CONFIG = """\
protocol: laptop-512
models: [smollm2-135m]
methods: [dense, wanda, magnitude]
targets: [u50, n2m4]
evaluate: [perplexity, generation]
"""


@pytest.fixture
def small(project: Path) -> Path:
    (project / "config/small.yaml").write_text(CONFIG)
    return Path("config/small.yaml")


def write(method: str, target: str, prune: Status, *evaluations: Status) -> list[Path]:
    """Records of one cell; a failed pruning is passed on to the evaluations as a run does."""
    sweep = Sweep("laptop-512", "smollm2-135m", method, 0)
    cell = CellId(model=sweep.model, method=method, target=target, seed=0, protocol=sweep.protocol)
    reason = "" if prune == "ok" else f"why {method} {target}"
    save_record(sweep.prune_record(target), PruneRecord(cell=cell, status=prune, reason=reason, key={}))
    paths = [sweep.prune_record(target)]
    for kind, status in zip(("perplexity", "generation"), evaluations, strict=False):
        reason = "" if status == "ok" else f"why {kind} of {method} {target}"
        path = sweep.evaluation_record(target, kind)
        save_record(path, EvaluationRecord(cell=cell, status=status, reason=reason, key={}, kind=kind))
        paths.append(path)
    return paths


def test_cells_are_counted_by_model_method_and_status(run: Run, small: Path) -> None:
    write("dense", "u00", "ok", "ok", "ok")
    write("wanda", "u50", "ok", "ok", "ok")
    write("wanda", "n2m4", "rejected", "rejected", "rejected")
    write("magnitude", "u50", "ok", "ok", "timeout")
    write("magnitude", "n2m4", "ok", "ok")
    result = run("status", "--configfile", str(small))
    assert result.code == 0
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[:4] == [
        ["model", "method", "ok", "timeout", "rejected", "missing"],
        ["smollm2-135m", "dense", "1", ".", ".", "."],
        ["smollm2-135m", "wanda", "1", ".", "1", "."],
        ["smollm2-135m", "magnitude", ".", "1", ".", "1"],
    ]
    assert "5 cells: 2 ok, 1 timeout, 1 rejected, 1 missing" in result.out
    assert "rejected  laptop-512/smollm2-135m/wanda/seed0/n2m4: why wanda n2m4" in result.out
    assert "timeout  laptop-512/smollm2-135m/magnitude/seed0/u50: why generation of magnitude u50" in result.out


def test_a_damaged_record_counts_as_missing(run: Run, small: Path) -> None:
    paths = write("dense", "u00", "ok", "ok", "ok")
    paths[1].write_text(paths[1].read_text()[:40])
    assert "5 cells: 5 missing" in run("status", "--configfile", str(small)).out


def test_nothing_done_yet_is_all_missing(run: Run, small: Path) -> None:
    assert "5 cells: 5 missing" in run("status", "--configfile", str(small)).out


def test_retry_removes_the_failed_records_and_leaves_the_rest(run: Run, small: Path) -> None:
    kept = write("dense", "u00", "ok", "ok", "ok") + write("wanda", "u50", "na", "na", "na")
    failed = write("wanda", "n2m4", "error", "error", "error")
    half = write("magnitude", "u50", "ok", "diverged", "oom")
    result = run("retry", "--configfile", str(small))
    assert result.code == 0
    gone = [*failed, half[2]]
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in [*kept, *half[:2]])
    for path in gone:
        assert f"removed {path} (" in result.out
    assert "why wanda n2m4" in result.out
    assert "4 records removed; run snakemake" in result.out
    states = [state for state in read_states(read_config(small)) if state.cell.sweep.method == "wanda"]
    assert [(state.cell.target, state.decisive.status) for state in states] == [("u50", "na"), ("n2m4", "missing")]


def test_retry_can_be_limited_to_a_status(run: Run, small: Path) -> None:
    failed = write("wanda", "n2m4", "error", "error")
    not_applicable = write("wanda", "u50", "na", "na")
    run("retry", "--configfile", str(small), "--status", "na")
    assert all(path.exists() for path in failed)
    assert not any(path.exists() for path in not_applicable)


def test_a_dry_run_removes_nothing(run: Run, small: Path) -> None:
    paths = write("wanda", "n2m4", "error", "error")
    result = run("retry", "--configfile", str(small), "-n")
    assert f"would remove {paths[0]} (error: why wanda n2m4)" in result.out
    assert all(path.exists() for path in paths)


def test_good_records_are_never_removed(run: Run, small: Path) -> None:
    paths = write("dense", "u00", "ok", "ok", "ok")
    assert run("retry", "--configfile", str(small), "--status", "ok").code == 2
    assert "no record with status" in run("retry", "--configfile", str(small)).out
    assert all(path.exists() for path in paths)


def test_nothing_is_removed_under_a_run_at_work(run: Run, small: Path) -> None:
    paths = write("wanda", "n2m4", "error")
    hold_run_lock(pytest.fail)
    result = run("retry", "--configfile", str(small))
    assert result.code == 2
    assert "another run" in result.err
    assert paths[0].exists()
