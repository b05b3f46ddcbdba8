"""Records that were made from something else than the config now says do not pass for its results."""

from pathlib import Path
from typing import Any

import pytest

from prunebench.config.load import load_config
from prunebench.layout import MODEL
from prunebench.results.cells import CellResult, load_cells
from prunebench.results.records import EvaluationRecord, Measurement, PruneRecord, load_record, save_record
from prunebench.results.stale import stale_as_errors
from prunebench.sweeps.keys import evaluation_key, prune_key
from prunebench.targets import DENSE
from tests.sweeps.conftest import project as project
from tests.sweeps.project import GOOD, MODEL_NAME, Project, make_model

REASON = "its record was made from something else; run snakemake again"


def load(project: Project, **changes: Any) -> list[CellResult]:
    from prunebench.config.grid import expand

    config = load_config({**project.config, **changes})
    return load_cells(Path(), expand(config).cells, stale_as_errors(config))


@pytest.fixture
def finished(project: Project) -> Project:
    """The project with a record for every cell, as if its jobs had run."""
    config = load_config(project.config)
    for method, target in (("dense", DENSE.token), ("good", "u50")):
        sweep, patch = project.sweep(method), f"patch of {method}"
        about: dict[str, Any] = {
            "cell": {"model": sweep.model, "method": method, "target": target, "seed": 0, "protocol": sweep.protocol},
            "status": "ok",
        }
        pruned = PruneRecord(**about, key=prune_key(config, sweep, target), patch_sha256=patch)
        save_record(sweep.prune_record(target), pruned)
        evaluated = EvaluationRecord(
            **about, key=evaluation_key(config, sweep, "perplexity", patch), kind="perplexity",
            measurements=[Measurement(metric="perplexity", dataset="text-a", value=9.0)],
        )  # fmt: skip
        save_record(sweep.evaluation_record(target, "perplexity"), evaluated)
    return project


def outcomes(results: list[CellResult]) -> dict[str, tuple[Any, Any]]:
    return {result.sweep.method: (result.outcome(), result.outcome("perplexity")) for result in results}


OK, STALE = ("ok", ""), ("error", REASON)


def test_records_of_this_config_are_believed(finished: Project) -> None:
    assert outcomes(load(finished)) == {"dense": (OK, OK), "good": (OK, OK)}


def test_the_record_of_an_edited_method_is_an_error(finished: Project) -> None:
    finished.method("good", GOOD.replace("weight.abs()", "weight.abs() * 2"))
    results = load(finished)
    assert outcomes(results) == {"dense": (OK, OK), "good": (STALE, STALE)}


def test_records_of_another_model_are_errors(finished: Project) -> None:
    make_model(Path(MODEL.format(model=MODEL_NAME)).parent, seed=1)
    assert outcomes(load(finished)) == {"dense": (STALE, STALE), "good": (STALE, STALE)}


def test_numbers_measured_on_another_text_are_errors(finished: Project) -> None:
    finished.write_windows("text-a", seed=9)
    results = load(finished)
    assert outcomes(results) == {"dense": (OK, STALE), "good": (OK, STALE)}
    assert results[1].measurement("perplexity", "perplexity", "text-a") is None


def test_numbers_of_another_patch_are_errors(finished: Project) -> None:
    path = finished.sweep().prune_record("u50")
    record = load_record(path, PruneRecord)
    assert record is not None
    save_record(path, record.model_copy(update={"patch_sha256": "another"}))
    assert outcomes(load(finished))["good"] == (OK, STALE)


def test_a_text_added_or_left_out_makes_no_number_of_the_others_stale(finished: Project) -> None:
    finished.write_protocol(("text-a", "text-b"))
    assert outcomes(load(finished)) == {"dense": (OK, OK), "good": (OK, OK)}
    finished.write_protocol(("text-b",))
    assert outcomes(load(finished)) == {"dense": (OK, OK), "good": (OK, OK)}


def test_without_the_input_files_records_are_believed(finished: Project) -> None:
    Path(MODEL.format(model=MODEL_NAME)).unlink()
    assert outcomes(load(finished)) == {"dense": (OK, OK), "good": (OK, OK)}


def test_an_absent_record_says_that_it_is_absent(finished: Project) -> None:
    finished.sweep().evaluation_record("u50", "perplexity").unlink()
    assert outcomes(load(finished))["good"][1][1].startswith("no record: ")
