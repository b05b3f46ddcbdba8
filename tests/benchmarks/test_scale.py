"""The benchmark of large grids does not wait for ever, and says what it stopped."""

from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.stand_in import Project, make_config
from prunebench.config.grid import expand
from prunebench.results.expected import CONTINUATION
from prunebench.results.gather import measured_pairs
from prunebench.results.records import EvaluationRecord, load_record


def test_what_takes_too_long_is_stopped_and_the_table_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "PATIENCE", 0.5)
    cost = scale.run(Project(tmp_path / "project", make_config(1, 1)), "import time; time.sleep(60)")
    assert not cost.finished
    assert cost.wall < 30
    assert cost.row[0].startswith("not finished in")


def test_what_fails_ends_the_benchmark_with_what_it_said(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", make_config(1, 1))
    with pytest.raises(SystemExit, match="no such thing"):
        scale.run(project, "raise OSError('no such thing')")


def test_the_stand_in_measures_all_that_the_default_config_asks_for(tmp_path: Path) -> None:
    config = make_config(1, 1, models=["opt-tiny"], methods=["wanda"], targets=["u10"])
    project = Project(tmp_path / "project", config)
    project.fill()
    pairs = measured_pairs(project.config)
    dense = next(cell for cell in expand(project.config).cells if cell.sweep.method == "dense")  # it never fails
    for kind in config["evaluate"]:
        record = load_record(project.root / dense.sweep.evaluation_record(dense.target, kind), EvaluationRecord)
        found = {(m.metric, m.dataset) for m in record.measurements if m.metric != CONTINUATION}
        assert found >= {pair for pair in pairs[kind] if pair[0] != CONTINUATION and pair[1] != "mean"}, kind
