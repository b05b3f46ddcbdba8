"""What became of a cell is the same wherever it is told."""

import json

from prunebench.reports.board import board
from prunebench.reports.method.cells import cells_by_method
from prunebench.reports.source import Source
from prunebench.sealed import read_sealed, write_sealed_json
from tests.reports.conftest import save_run
from tests.results.example import make_run


def test_what_a_record_lacks_makes_its_cell_an_error_on_every_page_and_in_the_counts(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    cell = next(cell for cell in run.cells if cell.target == "u50")
    path = tmp_path / cell.sweep.evaluation_record("u50", "generation")
    write_sealed_json(path, {**json.loads(read_sealed(path)), "measurements": []})
    source = Source.read(*save_run(run))
    assert source.provenance["statuses"] == {"error": 1, "ok": 1}
    (shown,) = (cell for cell in board(source, [])["cells"] if cell["target"] == "u50")
    (found,) = cells_by_method(source)["wanda"]
    assert found.outcome == (shown["status"], shown["reason"])
    assert found.outcome[0] == "error"
    assert found.outcome[1].startswith("the generation record has no continuation on ")


def test_a_failed_evaluation_decides_though_the_pruning_is_ok(tmp_path):
    run = make_run(tmp_path, methods=("dense", "stade_nobias"), targets=("u50",), models=("opt-tiny",))
    (found,) = cells_by_method(Source.read(*save_run(run)))["stade_nobias"]
    assert found.steps["prune"].status == "ok"
    assert found.outcome == ("oom", "more than 4.0 GB of memory")


def test_a_number_without_bound_leaves_the_page_readable(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    frame = run.collect()
    where = (frame["metric"] == "prune_seconds") & (frame["target"] == "u50")
    frame.loc[where, "value"] = float("inf")
    cells = board(Source.read(*save_run(run, frame)), [])["cells"]
    json.dumps(cells, allow_nan=False)
    (shown,) = (cell for cell in cells if cell["target"] == "u50")
    assert "prune_seconds" not in shown["costs"]
