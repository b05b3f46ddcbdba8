"""Failure is data: whatever a method does, the run ends well and everything else is there."""

import csv
import shutil

import pytest

from tests.workflow.project import PROTOCOL, ROOT, Project

pytestmark = pytest.mark.slow

HEADER = 'METHOD = {"title": "Bad", "family": "bad", "patterns": ["unstructured"], "group": "row"}\n\n'
WHOLE_MODEL = 'METHOD = {"title": "Bad", "family": "bad", "patterns": ["unstructured"]}\n\n'
BAD = {
    "raises": (HEADER + "def score(weight, inputs):\n    raise ValueError('no luck today')\n", "error"),
    "nan": (HEADER + "def score(weight, inputs):\n    return weight * float('nan')\n", "rejected"),
    "too_little": (
        WHOLE_MODEL
        + "def prune_model(model, calibration, target):\n"
        + "    for block in model.model.layers:\n        block.mlp.up_proj.weight.data.flatten()[:10] = 0\n",
        "rejected",
    ),
    "elsewhere": (
        WHOLE_MODEL + "def prune_model(model, calibration, target):\n    model.lm_head.weight.data.zero_()\n",
        "rejected",
    ),
    "endless": (HEADER + "def score(weight, inputs):\n    while True:\n        pass\n", "timeout"),
    "greedy": (
        HEADER
        + "def score(weight, inputs):\n    import time, torch\n    hoard = []\n"
        + "    while True:\n        hoard.append(torch.ones(20_000_000))\n        time.sleep(0.02)\n",
        "oom",
    ),
    "dies": (HEADER + "def score(weight, inputs):\n    import os\n    os._exit(3)\n", "error"),
    "no_python": ("def score(:\n", "error"),
}


def test_bad_methods_become_statuses_and_the_rest_is_there(finished: Project) -> None:
    for name, (source, _) in BAD.items():
        finished.method(name, source)
    shutil.copy(ROOT / "methods" / "random.py", finished.root / "methods")
    finished.config.update(methods=["random", *BAD], limits={"cell_minutes": 0.1, "memory_gb": 1.5})
    finished.snakemake()

    assert {name: finished.status(name, "u50")[0] for name in BAD} == {name: want for name, (_, want) in BAD.items()}
    assert all(finished.status(name, "u50")[1] for name in BAD)
    assert "no luck today" in finished.status("raises", "u50")[1]
    assert finished.status("random", "u50") == ("ok", "")

    with (finished.root / "results" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "perplexity"]
    found = {row["method"]: (bool(row["value"]), row["status"], bool(row["reason"])) for row in rows}
    assert found["random"] == (True, "ok", False)
    assert found["dense"] == (True, "ok", False)
    for name, (_, status) in BAD.items():
        assert found[name] == (False, status, True)
    page = (finished.root / "reports" / "leaderboard.html").read_text()
    assert all(name in page for name in BAD)
    assert "Nothing to be done" in finished.snakemake()


def test_a_missing_source_fails_its_job_with_one_sentence(project: Project) -> None:
    (project.root / "assets" / "speeches.txt").unlink()
    said = project.snakemake(succeeds=False)
    assert "speeches" in said
    assert "Traceback" not in said


def statuses(project: Project) -> dict[tuple[str, str], str]:
    """Of each cell, by model and method: the status of its perplexity."""
    with (project.root / "results" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "perplexity"]
    return {(row["model"], row["method"]): row["status"] for row in rows}


def test_if_jobs_fail_for_good_there_is_a_leaderboard_of_the_rest_and_the_next_run_completes_it(
    finished: Project,
) -> None:
    folder, elsewhere = finished.root / "assets" / "speeches.txt", finished.root / "elsewhere.txt"
    registry = (finished.root / "models.yaml").read_text()
    (finished.root / "models.yaml").write_text(registry.replace("text: speeches", "text: missing"))
    data = (finished.root / "data.yaml").read_text()
    missing = "texts:\n  missing: {title: M, domain: d, format: lines, source: {kind: local, path: elsewhere.txt}}\n"
    (finished.root / "data.yaml").write_text(data.replace("texts:\n", missing))
    finished.config.update(models=["tiny-llama", "tiny-opt"], methods=["magnitude"], targets=["u60"])
    said = finished.snakemake(succeeds=False)
    assert "4 cells: 2 error, 2 ok" in said
    assert statuses(finished) == {
        ("tiny-llama", "dense"): "ok", ("tiny-llama", "magnitude"): "ok",
        ("tiny-opt", "dense"): "error", ("tiny-opt", "magnitude"): "error",
    }  # fmt: skip
    assert "no record" in (finished.root / "reports" / "leaderboard.html").read_text()
    assert list((finished.root / "reports" / "tables").glob("tiny-llama-perplexity-*.tex"))

    # A config without what failed has all it needs: its leaderboard is made, though there is nothing to compute.
    finished.config.update(models=["tiny-llama"])
    before = finished.records()
    assert "2 cells: 2 ok" in finished.snakemake()
    assert finished.records() == before
    assert set(statuses(finished)) == {("tiny-llama", "dense"), ("tiny-llama", "magnitude")}
    finished.config.update(models=["tiny-llama", "tiny-opt"])

    elsewhere.write_bytes(folder.read_bytes())
    assert "4 cells: 4 ok" in finished.snakemake()
    assert {path: digest for path, digest in finished.records().items() if path in before} == before
    assert set(statuses(finished).values()) == {"ok"}


def test_a_run_that_was_asked_for_records_alone_says_nothing_of_another_runs_cells(finished: Project) -> None:
    provenance = finished.root / "results" / "provenance.json"
    provenance.write_text('{"statuses": {"ok": 3}, "cells": 3}')  # an older version's
    finished.config.update(targets=["u60"])
    record = f"results/pruned/{PROTOCOL}/tiny-llama/magnitude/seed0/u60.json"
    said = finished.snakemake(record)
    assert (finished.root / record).exists()
    assert "cells: " not in said
    assert "TypeError" not in said
    assert provenance.read_text().endswith('"cells": 3}')
