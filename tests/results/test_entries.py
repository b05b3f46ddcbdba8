"""What `provenance.json` has of each cell, against the records it was made from."""

import json

from prunebench.results.records import PruneRecord, Sparsity, load_record, save_record
from prunebench.results.runfiles import read_run, write_run
from tests.results.example import FAILURES, make_run


def test_each_cell_knows_where_its_records_and_their_inputs_come_from(tmp_path):
    run = make_run(tmp_path)
    summary = run.summary()
    for cell, entry in zip(run.cells, summary["cells"], strict=True):
        sweep = cell.sweep
        assert (entry["protocol"], entry["model"], entry["method"], entry["target"], entry["seed"]) == (
            sweep.protocol, sweep.model, sweep.method, cell.target, sweep.seed,
        )  # fmt: skip
        assert list(entry["records"]) == ["prune", *cell.kinds]
        environment, key = entry["records"]["prune"]
        assert summary["environments"][environment]["torch"] == "2.13.0"
        assert summary["keys"][key] == {"model": f"model-{sweep.model}", "method": f"m-{sweep.method}"}
        failed = (sweep.model, sweep.method, cell.target, None) in FAILURES
        assert (entry["records"]["perplexity"] == [None, None]) == failed


def test_keys_are_shared_and_what_is_of_one_cell_is_not_in_them(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), models=("opt-tiny",))
    for cell in run.cells:
        path = tmp_path / cell.sweep.prune_record(cell.target)
        record = load_record(path, PruneRecord)
        changes = {"key": {**record.key, "target": cell.target}, "patch_sha256": cell.target * 8}
        save_record(path, record.model_copy(update=changes))
    summary = run.summary()
    assert len({entry["records"]["prune"][1] for entry in summary["cells"] if entry["method"] == "wanda"}) == 1
    assert all("target" not in key and "patch" not in key for key in summary["keys"])
    assert [entry["patch"] for entry in summary["cells"]] == [cell.target * 8 for cell in run.cells]


def test_blocks_come_to_four_digits_and_as_one_number_where_they_are_alike(tmp_path):
    run = make_run(tmp_path, methods=("wanda",), targets=("u50", "u60", "u70"), models=("opt-tiny",))
    measured = {"u50": [0.5, 0.500001, 0.49999], "u60": [0.61234567, 0.6, 0.58], "u70": []}
    for cell in run.cells:
        path = tmp_path / cell.sweep.prune_record(cell.target)
        record = load_record(path, PruneRecord)
        sparsity = Sparsity(target=0.5, measured=0.5, newly=0.5, blocks=measured[cell.target])
        save_record(path, record.model_copy(update={"sparsity": sparsity}))
    blocks = {entry["target"]: entry.get("blocks") for entry in run.summary()["cells"]}
    assert blocks == {"u50": [0.5], "u60": [0.6123, 0.6, 0.58], "u70": None}


def test_remarks_are_kept_also_where_the_cell_failed(tmp_path):
    run = make_run(tmp_path, methods=("sparsegpt",), models=("opt-tiny",))
    path = tmp_path / run.cells[2].sweep.prune_record("u70")
    record = load_record(path, PruneRecord)
    save_record(path, record.model_copy(update={"notes": ["damping raised"]}))
    entry = next(entry for entry in run.summary()["cells"] if entry["target"] == "u70")
    assert entry["notes"] == ["damping raised"]
    assert "notes" not in run.summary()["cells"][0]


def test_a_missing_record_leaves_its_place_empty(tmp_path):
    run = make_run(tmp_path, methods=("wanda",), targets=("u50",), models=("opt-tiny",))
    (tmp_path / run.cells[0].sweep.evaluation_record("u50", "zeroshot")).unlink()
    (entry,) = run.summary()["cells"]
    assert entry["records"]["zeroshot"] == [None, None]
    assert None not in entry["records"]["prune"]


def test_the_file_has_an_entry_a_line_and_reads_back(tmp_path):
    run = make_run(tmp_path, methods=("wanda",), models=("opt-tiny",))
    files = tmp_path / "metrics.csv", tmp_path / "provenance.json"
    write_run(run.collect(), run.summary(), *files)
    lines = files[1].read_text().splitlines()
    entries = [json.loads(line.rstrip(",")) for line in lines if line.startswith('  {"')]
    assert all(entry in entries for entry in run.summary()["cells"])
    assert {key: value for key, value in read_run(*files).items() if key != "metrics_sha256"} == run.summary()
