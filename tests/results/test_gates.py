"""Numbers that do not compare with those of the dense row are rejected, with the reason."""

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


def test_speeds_timed_on_another_machine_than_the_dense_row_are_marked(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "magnitude"), targets=("u50",), models=("opt-tiny",))
    cells = [replace(cell, kinds=(*cell.kinds, "speed")) for cell in run.cells]
    for cell in cells:
        perplexity = load_record(tmp_path / cell.sweep.evaluation_record(cell.target, "perplexity"), EvaluationRecord)
        speed = perplexity.model_copy(update={"kind": "speed", "measurements": []})
        save_record(tmp_path / cell.sweep.evaluation_record(cell.target, "speed"), speed)
    rewrite(tmp_path, cells[1].sweep, "u50", "speed", cpu="Another CPU", cores=64)
    dense, wanda, magnitude = gated(load_cells(tmp_path, cells))
    assert (dense.elsewhere, magnitude.elsewhere) == ("", "")
    assert wanda.elsewhere == (
        "timed on Another CPU, 64, the dense row on Some CPU @ 2.6 GHz, 2; speeds of two machines do not compare, only "
        "how much faster each model is than the dense one timed beside it"
    )
    assert {result.outcome(kind) for result in (dense, wanda) for kind in ("speed", "perplexity")} == {("ok", "")}


def rekey(result, **key):
    """The cell as if it had been pruned from something else."""
    return replace(result, prune=result.prune.model_copy(update={"key": {**result.prune.key, **key}}))


def test_cells_of_another_model_than_the_dense_row_are_rejected(run):
    results = [rekey(r, model="another") if r.sweep.method == "wanda" else r for r in run.results()]
    reasons = {(r.sweep.model, r.sweep.method): r.rejection for r in gated(results)}
    assert reasons["opt-tiny", "dense"] == ""
    assert reasons["opt-tiny", "wanda"] == (
        "made from another model (another, not model-opt-tiny) than the dense row; numbers of the two do not compare"
    )


def on(result, **data):
    """The cell as if its perplexity had been measured on this data as well."""
    record = result.evaluations["perplexity"]
    key = {**record.key, **{f"dataset:{name}": digest for name, digest in data.items()}}
    evaluations = {**result.evaluations, "perplexity": record.model_copy(update={"key": key})}
    return replace(result, evaluations=evaluations)


def test_cells_measured_on_other_data_than_the_dense_row_are_rejected_whatever_datasets_they_have_beyond_it(run):
    more = [on(r, boolq="more") if r.sweep.method == "wanda" else r for r in run.results()]
    assert {r.rejection for r in gated(more)} == {""}
    other = [on(r, ptb=r.sweep.method) for r in run.results()]
    reasons = {r.sweep.method: r.rejection for r in gated(other)}
    assert reasons["dense"] == ""
    assert reasons["wanda"].startswith("made from other data of ptb (wanda, not dense) than the dense row")


def test_a_kind_of_evaluation_that_the_dense_row_lacks_is_compared_with_nothing(run):
    results = [replace(r, evaluations={}) if r.sweep.method == "dense" else r for r in run.results()]
    assert {r.rejection for r in gated(results)} == {""}


def test_cells_measured_on_other_data_than_most_methods_are_rejected_where_the_dense_row_lacks_it(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "magnitude", "random"), targets=("u50",), models=("opt-tiny",))
    data = {"wanda": "usual", "random": "usual", "magnitude": "others"}
    results = [on(r, ptb=data[r.sweep.method]) if r.target != "u00" else r for r in run.results()]
    rejected = {r.sweep.method: r.rejection for r in gated(results) if r.rejection}
    assert rejected == {
        "magnitude": "measured on other data of ptb (others) than the other methods (usual); numbers of the two do not "
        "compare"
    }


def test_the_dense_row_decides_what_the_data_is_whatever_most_methods_have(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "magnitude", "random"), targets=("u50",), models=("opt-tiny",))
    results = [on(r, ptb="right" if r.sweep.method in ("dense", "wanda") else "wrong") for r in run.results()]
    assert {r.sweep.method for r in gated(results) if r.rejection} == {"magnitude", "random"}


def test_cells_calibrated_on_other_tokens_than_most_are_rejected(tmp_path):
    methods = ("dense", "wanda", "magnitude", "sparsegpt", "wanda@nsamples=2")
    run = make_run(tmp_path, methods=methods, targets=("u50",), models=("opt-tiny",))
    tokens = {"wanda": "usual", "sparsegpt": "usual", "magnitude": "others", "wanda@nsamples=2": "fewer"}
    results = [rekey(r, calibration=tokens[r.sweep.method]) if r.target != "u00" else r for r in run.results()]
    rejected = {r.sweep.method: r.rejection for r in gated(results) if r.rejection}
    assert rejected == {
        "magnitude": "calibrated on other tokens (others) than the other methods (usual); numbers of the two do not "
        "compare"
    }


def calibrated(tmp_path, tokens, targets=("u50",), seeds=(0,)):
    """The methods of a run of which a cell was rejected; their tokens by name, or by name and seed."""
    methods = ("dense", *dict.fromkeys(name for name, _ in tokens))
    run = make_run(tmp_path, methods=methods, targets=targets, models=("opt-tiny",), seeds=seeds)
    results = [
        rekey(r, calibration=tokens[r.sweep.method, r.sweep.seed]) if r.target != "u00" else r for r in run.results()
    ]
    rejected = {r.sweep.method for r in gated(results) if r.rejection}
    assert {r.sweep.method for r in gated(results[::-1]) if r.rejection} == rejected
    return rejected


def test_a_method_has_one_vote_however_many_cells_and_variants_it_has(tmp_path):
    tokens = {("magnitude", 0): "others", ("wanda", 0): "usual", ("random", 0): "usual", ("magnitude@x=1", 0): "others"}
    run = make_run(tmp_path, methods=("dense", *(name for name, _ in tokens)), targets=("u50", "u60", "u70", "n2m4"),
                   models=("opt-tiny",))  # fmt: skip
    some = [r for r in run.results() if r.sweep.method not in ("wanda", "random") or r.target == "u50"]
    results = [rekey(r, calibration=tokens[r.sweep.method, 0]) if r.target != "u00" else r for r in some]
    assert {r.sweep.method for r in gated(results) if r.rejection} == {"magnitude", "magnitude@x=1"}


def test_where_votes_are_even_the_order_of_cells_decides_nothing(tmp_path):
    assert calibrated(tmp_path, {("wanda", 0): "b", ("magnitude", 0): "a"}) == {"wanda"}


def test_each_seed_has_calibration_tokens_of_its_own(tmp_path):
    tokens = {(name, seed): f"of {seed}" for name in ("wanda", "magnitude") for seed in (0, 1)}
    assert calibrated(tmp_path, tokens, seeds=(0, 1)) == set()
