"""From a config to the leaderboard, on a model the run itself trains."""

import csv
import json

import pytest

from tests.workflow.project import Project

pytestmark = pytest.mark.slow


def test_a_run_ends_with_the_leaderboard_and_a_second_has_nothing_to_do(project: Project) -> None:
    project.config.update(
        models=["tiny-opt"], methods=["wanda"], targets=["u50", "n2m4"],
        evaluate=["perplexity", "zeroshot", "generation"],
    )  # fmt: skip
    project.snakemake()

    with (project.root / "results" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    measured = {(row["method"], row["target"], row["metric"]) for row in rows if row["value"]}
    for cell in (("dense", "u00"), ("wanda", "u50"), ("wanda", "n2m4")):
        for metric in ("perplexity", "acc", "acc_norm", "continuation", "sparsity", "prune_seconds"):
            assert (*cell, metric) in measured
    assert {row["status"] for row in rows} == {"ok"}

    provenance = json.loads((project.root / "results" / "provenance.json").read_text())
    assert provenance["statuses"] == {"ok": 3}
    page = (project.root / "reports" / "leaderboard.html").read_text()
    assert "Tiny OPT" in page
    assert list((project.root / "reports" / "tables").glob("tiny-opt-perplexity-*.tex"))
    for ending in ("pdf", "svg", "png"):
        assert list((project.root / "reports" / "figures").glob(f"tiny-opt-perplexity-*.{ending}"))

    before = project.records()
    assert "Nothing to be done" in project.snakemake()
    assert project.computed(before) == set()
