"""`report` makes the pages of a run that is not finished."""

from pathlib import Path

from prunebench.layout import Sweep
from prunebench.results.records import CellId, EvaluationRecord, Measurement, PruneRecord, save_record
from tests.cli.conftest import Run

CONFIG = """\
protocol: laptop-512
models: [opt-tiny]
methods: [wanda]
targets: [u50]
evaluate: [perplexity]
"""


def test_what_is_there_is_shown_and_the_rest_is_an_error(run: Run, project: Path) -> None:
    (project / "config/small.yaml").write_text(CONFIG)
    sweep = Sweep("laptop-512", "opt-tiny", "dense", 0)
    cell = CellId(model=sweep.model, method="dense", target="u00", seed=0, protocol=sweep.protocol)
    save_record(sweep.prune_record("u00"), PruneRecord(cell=cell, status="ok", key={}))
    found = [
        Measurement(metric="perplexity", dataset=text, value=20.0, items=[2.9, 3.1])
        for text in ("wiki-sample", "sotu-recent")
    ]
    path = sweep.evaluation_record("u00", "perplexity")
    save_record(path, EvaluationRecord(cell=cell, status="ok", key={}, kind="perplexity", measurements=found))

    result = run("report", "--configfile", "config/small.yaml")
    assert result.code == 0
    assert "2 cells: 1 error, 1 ok" in result.out
    assert (project / "reports/leaderboard.html").exists()
    assert (project / "reports/methods/dense.html").exists()
    assert "20.0" in (project / "results/metrics.csv").read_text()


def test_without_any_record_there_is_nothing_to_report(run: Run, project: Path) -> None:
    (project / "config/small.yaml").write_text(CONFIG)
    result = run("report", "--configfile", "config/small.yaml")
    assert result.code == 2
    assert "no cell of this config has a record yet" in result.err
    assert not (project / "reports").exists()
