"""What is computed when a config or a method changes: the new, and nothing that is there already."""

import shutil

import pytest

from tests.workflow.project import ROOT, Project

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"


def edit(project: Project, method: str, old: str, new: str) -> None:
    path = project.root / "methods" / f"{method}.py"
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new))


def cells(*methods: str, target: str = "u50") -> set[str]:
    """A method's pruning and perplexity at one target."""
    return {f"pruned/{m}/{target}" for m in methods} | {f"cells/{m}/{target}/perplexity" for m in methods}


def test_a_finished_run_has_nothing_to_do(finished: Project) -> None:
    before = finished.records()
    assert finished.computed({}) == cells("magnitude", "wanda") | cells("dense", target="u00")
    assert NOTHING in finished.collect()
    assert finished.computed(before) == set()


def test_a_new_target_is_all_that_is_computed(finished: Project) -> None:
    before = finished.records()
    finished.config["targets"] = ["u50", "u60"]
    finished.collect()
    assert finished.computed(before) == cells("magnitude", "wanda", target="u60")
    assert NOTHING in finished.collect()


def test_a_new_method_is_all_that_is_computed(finished: Project) -> None:
    before = finished.records()
    shutil.copy(ROOT / "methods" / "random.py", finished.root / "methods")
    finished.config["methods"] = ["random", "magnitude", "wanda"]
    finished.collect()
    assert finished.computed(before) == cells("random")


def test_a_variant_that_calibrates_on_more_leaves_the_others_alone(finished: Project) -> None:
    before = finished.records()
    finished.config["methods"] = ["magnitude", "wanda", "wanda@nsamples=5"]
    finished.collect()
    assert finished.computed(before) == cells("wanda@nsamples=5")


def test_a_new_task_evaluates_without_pruning_again(finished: Project) -> None:
    finished.config.update(methods=["magnitude"], evaluate=["perplexity", "zeroshot"])
    before = finished.records()
    finished.collect()
    zeroshot = {"cells/dense/u00/zeroshot", "cells/magnitude/u50/zeroshot"}
    assert finished.computed(before) == zeroshot
    finished.config["zeroshot_tasks"] = ["piqa", "piqa-too"]
    before = finished.records()
    finished.collect()
    assert finished.computed(before) == zeroshot


def test_a_changed_method_is_run_again_and_no_other(finished: Project) -> None:
    before = finished.records()
    edit(finished, "magnitude", ".abs()", ".abs() ** 2")
    finished.collect()
    assert "pruned/magnitude/u50" in finished.computed(before)
    # The same weights go, so the patch is the same and its perplexity still current.
    assert finished.computed(before) <= cells("magnitude")


def test_a_comment_computes_nothing_again(finished: Project) -> None:
    before = finished.records()
    edit(finished, "wanda", "def score", "# Lowest goes first.\ndef score")
    finished.collect()  # pages show a method's file as it is
    assert finished.computed(before) == set()


def test_a_deleted_record_is_made_again_and_no_other(finished: Project) -> None:
    [record] = finished.root.glob("results/cells/*/*/wanda/seed0/u50/perplexity.json")
    record.unlink()
    before = finished.records()
    finished.snakemake()
    assert finished.computed(before) == {"cells/wanda/u50/perplexity"}


def test_cutting_sweeps_into_smaller_jobs_computes_nothing(finished: Project) -> None:
    finished.config.update(methods=["magnitude"], targets=["u50", "u60"])
    finished.collect()
    before = finished.records()
    finished.config["cells_per_job"] = 1
    finished.collect()
    assert finished.computed(before) == set()


def test_without_keep_patches_they_go_and_the_results_stay(project: Project) -> None:
    project.config.update(methods=["magnitude"], keep_patches=False)
    project.collect()
    assert not list(project.root.rglob("results/pruned/**/*.safetensors"))
    assert project.computed({}) == cells("magnitude") | cells("dense", target="u00")
    assert NOTHING in project.collect()
