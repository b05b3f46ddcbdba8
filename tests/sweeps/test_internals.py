"""Internals as a job: what their records hold, and what makes one stale."""

from prunebench.config.grid import Cell
from prunebench.config.load import Config, load_config
from prunebench.layout import Sweep
from prunebench.results.cells import load_cells
from prunebench.results.gather import measured_pairs
from prunebench.results.records import EvaluationRecord, load_record
from prunebench.results.stale import stale_as_errors
from prunebench.sweeps import keys
from tests.sweeps.project import LOG, Project

SPECTRA = [f"singular_value/{block}" for block in ("block0", "block-1")]
HEADS = [f"head_distance/{block}" for block in ("block0", "block-1")]


def config(project: Project, **changes: object) -> Config:
    return load_config({**project.config, "methods": [], "evaluate": ["internals"], **changes})


def key(project: Project, seed: int = 0, **changes: object) -> dict[str, str]:
    run = config(project, **changes)
    return keys.evaluation_key(run, Sweep(run.protocol, "tiny", "good", seed), "internals", "patch")


def record(project: Project, target: str, method: str = "good") -> EvaluationRecord:
    found = load_record(project.sweep(method).evaluation_record(target, "internals"), EvaluationRecord)
    assert found is not None
    return found


def test_each_block_has_an_entry_of_its_own(project: Project) -> None:
    before = key(project)
    assert [name.removeprefix("dataset:") for name in before if name.startswith("dataset:")] == [*SPECTRA, *HEADS]
    project.write_protocol(internals={"spectra": [0, -1, 1], "heads": [0, -1]})
    after = key(project)
    assert after.items() > before.items()
    assert after.keys() - before.keys() == {"dataset:singular_value/block1"}


def test_other_tokens_change_the_heads_alone_and_samples_that_are_not_used_nothing(project: Project) -> None:
    before = key(project)
    project.write_calibration(samples=9)
    assert key(project) == before
    project.write_calibration(seed=7)
    after = key(project)
    assert {name.removeprefix("dataset:") for name in before if before[name] != after[name]} == {*HEADS}


def test_the_heads_of_all_seeds_are_compared_on_the_same_tokens(project: Project) -> None:
    assert key(project, seed=1) == key(project)
    run = config(project)
    assert keys.compared_on(run, Sweep(run.protocol, "tiny", "good", 5)) == keys.calibration_path(project.sweep())


def test_without_heads_no_tokens_are_needed(project: Project) -> None:
    project.write_protocol(internals={"heads": []})
    keys.calibration_path(project.sweep()).unlink()
    assert keys.compared_on(config(project), project.sweep()) is None
    assert not any("head_distance" in name for name in key(project))


def test_a_record_grows_by_the_blocks_it_lacks(project: Project) -> None:
    project.use_shipped("magnitude_units")
    project.write_protocol(internals={"spectra": [0], "heads": [5], "ecdf_steps": 2})
    project.prune("s50", method="magnitude_units")
    project.evaluate("s50", method="magnitude_units", kind="internals")
    first = record(project, "s50", "magnitude_units")
    assert first.status == "ok", first.reason
    named = {measurement.dataset for measurement in first.measurements}
    assert named == {f"block0.{matrix}@{share}" for matrix in ("up", "down") for share in ("0", "0.5", "1")}

    project.write_protocol(internals={"spectra": [0], "heads": [5, 1], "ecdf_steps": 2})
    project.evaluate("s50", method="magnitude_units", kind="internals")
    grown = record(project, "s50", "magnitude_units")
    assert grown.measurements[: len(first.measurements)] == first.measurements
    (distance,) = grown.measurements[len(first.measurements) :]  # of its two groups of two heads one is left
    assert (distance.metric, distance.dataset) == ("head_distance", "block1:0-1")
    assert distance.value is not None
    assert distance.value > 0
    loads = LOG.read_text().count("loaded as")
    project.evaluate("s50", method="magnitude_units", kind="internals")
    assert LOG.read_text().count("loaded as") == loads


def test_a_record_of_other_settings_is_stale(project: Project) -> None:
    project.prune("u00", method="dense")
    project.evaluate("u00", method="dense", kind="internals")
    cells = [Cell(project.sweep("dense"), "u00", ("internals",))]

    def status(run: Config) -> str:
        (result,) = load_cells(project.root, cells, stale_as_errors(run))
        return result.outcome("internals")[0]

    assert status(config(project)) == "ok"
    project.write_protocol(internals={"heads": [0]})
    assert status(config(project)) == "ok"  # it has more than is asked for
    assert measured_pairs(config(project))["internals"][-1] == ("head_distance", "block0")
    project.write_protocol(internals={"ecdf_steps": 3})
    assert status(config(project)) == "error"
