"""From a config to the leaderboard, on a model the run itself trains."""

import csv
import json
import shutil

import pytest

from prunebench.results.expected import TIMED, expected_pairs
from tests.workflow.project import ROOT, Project

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
    assert "inputs.l2_norm" in (project.root / "reports" / "methods" / "wanda.html").read_text()
    assert list((project.root / "reports" / "tables").glob("tiny-opt-perplexity-*.tex"))
    for ending in ("pdf", "svg", "png"):
        assert list((project.root / "reports" / "figures").glob(f"tiny-opt-perplexity-*.{ending}"))

    before = project.records()
    assert "Nothing to be done" in project.snakemake()
    assert project.computed(before) == set()


def test_smaller_models_are_timed_beside_the_dense_one(finished: Project) -> None:
    shutil.copy(ROOT / "methods" / "magnitude_units.py", finished.root / "methods")
    finished.config.update(methods=["magnitude_units", "magnitude"], targets=["s50", "u50"], evaluate=["speed"])
    finished.collect()

    with (finished.root / "results" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} == {"ok"}
    found = {(row["method"], row["metric"], row["dataset"]): row for row in rows}
    for method in ("dense", "magnitude_units", "magnitude"):
        for metric, dataset in expected_pairs(["speed"])["speed"]:
            row = found[method, metric, dataset]
            assert float(row["value"]) > 0
            if metric in TIMED:
                assert row["n"] == "7"
                assert float(row["ci_low"]) <= float(row["value"]) <= float(row["ci_high"])
    for metric in ("flops", "flops_counted", "inference_memory_gb"):
        dense, units, masked = (
            float(found[name, metric, ""]["value"]) for name in ("dense", "magnitude_units", "magnitude")
        )
        assert units < dense == masked
    for log in (finished.root / "results" / "logs" / "evaluate_speed").rglob("*.log"):
        assert log.read_text().count("loaded as") == 1

    before = finished.records()
    protocols = finished.root / "protocols.yaml"
    protocols.write_text(protocols.read_text().replace("repetitions: 7", "repetitions: 8"))
    finished.collect()
    cells = ("dense/u00", "magnitude_units/s50", "magnitude/u50")
    assert finished.computed(before) == {f"cells/{cell}/speed" for cell in cells}
