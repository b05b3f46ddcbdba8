import json
from dataclasses import replace

import pytest

from prunebench.results.cells import load_cells
from prunebench.results.gates import REFERENCE_TOLERANCE, gated
from prunebench.results.records import EvaluationRecord, load_record, save_record
from prunebench.sealed import read_sealed, write_sealed_json
from tests.results.example import PROTOCOL, make_run


def reference(run, factor, dataset="wiki-sample", model="opt-tiny"):
    dense = next(r for r in run.results() if r.target == "u00" and r.sweep.model == model)
    value = dense.measurement("perplexity", "perplexity", dataset).value
    return {model: {PROTOCOL: {dataset: value * factor}}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), methods=("dense", "wanda"), targets=("u50",))


def test_a_dense_model_that_misses_its_reference_has_all_its_cells_rejected(run):
    results = run.results(reference(run, 1.05))
    statuses = {(r.sweep.model, r.sweep.method): r.outcome("perplexity") for r in results}
    for method in ("dense", "wanda"):
        status, reason = statuses["opt-tiny", method]
        assert status == "rejected"
        assert "wiki-sample" in reason
        assert "-4.8%" in reason
        assert statuses["smollm2-135m", method] == ("ok", "")


@pytest.mark.parametrize("factor", [1 - 0.9 * REFERENCE_TOLERANCE, 1.0, 1 + 0.9 * REFERENCE_TOLERANCE])
def test_a_dense_model_near_its_reference_passes(run, factor):
    assert {r.outcome()[0] for r in run.results(reference(run, factor))} == {"ok"}


def test_references_of_other_protocols_texts_and_models_do_not_count(run):
    value = {"wiki-sample": 1.0}
    for known in ({"opt-tiny": {"other": value}}, {"opt-tiny": {PROTOCOL: {"ptb": 1.0}}}, {"gpt2": {PROTOCOL: value}}):
        assert {r.outcome()[0] for r in run.results(known)} == {"ok"}


@pytest.mark.parametrize("value", ["NaN", "Infinity", None])
def test_a_dense_model_without_a_finite_perplexity_fails_its_reference(tmp_path, value):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    known = reference(run, 1.0)
    path = tmp_path / run.cells[0].sweep.evaluation_record("u00", "perplexity")
    record = json.loads(read_sealed(path))
    record["status"], record["measurements"][0]["value"] = "diverged", value
    write_sealed_json(path, record)
    assert {r.outcome()[0] for r in run.results(known)} == {"rejected"}


def test_an_unmeasured_dense_model_rejects_nothing_but_shows_its_own_status(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    known = reference(run, 2.0)
    (tmp_path / run.cells[0].sweep.evaluation_record("u00", "perplexity")).unlink()
    dense, wanda = run.results(known)
    assert dense.outcome("perplexity")[0] == "error"
    assert wanda.outcome("perplexity") == ("ok", "")


@pytest.mark.parametrize("damage", ["absent", "cut", "not utf-8", "empty"])
def test_records_that_cannot_be_read_are_errors_of_what_they_hold(tmp_path, damage):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    sweep = run.cells[1].sweep
    path = tmp_path / sweep.evaluation_record("u50", "zeroshot")
    content = path.read_bytes()
    path.unlink()
    if damage != "absent":
        path.write_bytes({"cut": content[: len(content) // 2], "not utf-8": b"\xff\xfe", "empty": b""}[damage])
    wanda = run.results()[1]
    status, reason = wanda.outcome("zeroshot")
    assert status == "error"
    assert reason.startswith("no record: results/cells/laptop-512/opt-tiny/wanda/seed0/u50/zeroshot.json")
    assert wanda.outcome("perplexity") == ("ok", "")
    (tmp_path / sweep.prune_record("u50")).unlink()
    wanda = run.results()[1]
    assert {wanda.outcome(kind)[0] for kind in (None, "perplexity", "zeroshot", "generation")} == {"error"}
    assert "results/pruned/" in wanda.outcome("perplexity")[1]


def test_reasons_are_one_line(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    path = tmp_path / run.cells[1].sweep.prune_record("u50")
    record = json.loads(read_sealed(path)) | {"status": "error", "reason": "Traceback:\r\n  line 1\n\tline 2"}
    write_sealed_json(path, record)
    assert run.results()[1].outcome("perplexity") == ("error", "Traceback: line 1 line 2")


def rewrite(root, sweep, target, kind, **provenance):
    path = root / (sweep.evaluation_record(target, kind) if kind else sweep.prune_record(target))
    record = json.loads(read_sealed(path))
    record["provenance"] |= provenance
    write_sealed_json(path, record)


@pytest.mark.parametrize("kind", [None, "perplexity"])
@pytest.mark.parametrize("change", [{"dtype": "float16"}, {"device": "cuda"}])
def test_numbers_made_in_another_dtype_or_on_another_device_than_the_dense_ones_are_rejected(tmp_path, kind, change):
    run = make_run(tmp_path, methods=("dense", "wanda", "magnitude"), targets=("u50",))
    for cell in run.cells:
        for step in (None, "perplexity", "zeroshot", "generation"):
            rewrite(tmp_path, cell.sweep, cell.target, step, dtype="bfloat16", device="cpu")
    other = next(cell for cell in run.cells if cell.sweep.method == "wanda")
    rewrite(tmp_path, other.sweep, "u50", kind, **change)
    for result in run.results():
        status, reason = result.outcome("perplexity")
        if result.sweep == other.sweep:
            made = {"dtype": "bfloat16", "device": "cpu"} | change
            assert (status, reason) == (
                "rejected",
                f"made in {made['dtype']} on {made['device']}, the dense row in bfloat16 on cpu; "
                "numbers of the two do not compare",
            )
        else:
            assert (status, reason) == ("ok", "")


def test_a_failure_elsewhere_stays_what_it_is(tmp_path):
    run = make_run(tmp_path, methods=("dense", "sparsegpt"), targets=("u70",), models=("opt-tiny",))
    rewrite(tmp_path, run.cells[1].sweep, "u70", None, device="cuda")
    assert run.results()[1].outcome()[0] == "error"


def test_speeds_timed_on_another_machine_than_the_dense_row_are_rejected_and_other_numbers_stay(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "magnitude"), targets=("u50",), models=("opt-tiny",))
    cells = [replace(cell, kinds=(*cell.kinds, "speed")) for cell in run.cells]
    for cell in cells:
        perplexity = load_record(tmp_path / cell.sweep.evaluation_record(cell.target, "perplexity"), EvaluationRecord)
        speed = perplexity.model_copy(update={"kind": "speed", "measurements": []})
        save_record(tmp_path / cell.sweep.evaluation_record(cell.target, "speed"), speed)
    rewrite(tmp_path, cells[1].sweep, "u50", "speed", cpu="Another CPU", cores=64)
    dense, wanda, magnitude = gated(load_cells(tmp_path, cells))
    assert {result.outcome("speed") for result in (dense, magnitude)} == {("ok", "")}
    assert wanda.outcome("speed") == (
        "rejected",
        "timed on Another CPU, 64, the dense row on Some CPU @ 2.6 GHz, 2; speeds of two machines do not compare: "
        "delete the speed.json of one of them and run snakemake again",
    )
    assert wanda.outcome("perplexity") == ("ok", "")
