"""The benchmark of large grids does not wait for ever, and says what it stopped."""

from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.stand_in import Project, make_config


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
