"""Failure is data: whatever a method does, the run ends well and everything else is there."""

import csv

import pytest

from tests.workflow.project import Project

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


def test_bad_methods_become_statuses_and_the_rest_is_there(project: Project) -> None:
    for name, (source, _) in BAD.items():
        project.method(name, source)
    project.config.update(methods=["magnitude", *BAD], limits={"cell_minutes": 0.2, "memory_gb": 1.5})
    project.snakemake()

    assert {name: project.status(name, "u50")[0] for name in BAD} == {name: want for name, (_, want) in BAD.items()}
    assert all(project.status(name, "u50")[1] for name in BAD)
    assert "no luck today" in project.status("raises", "u50")[1]
    assert project.status("magnitude", "u50") == ("ok", "")

    with (project.root / "results" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "perplexity"]
    found = {row["method"]: (bool(row["value"]), row["status"], bool(row["reason"])) for row in rows}
    assert found["magnitude"] == (True, "ok", False)
    assert found["dense"] == (True, "ok", False)
    for name, (_, status) in BAD.items():
        assert found[name] == (False, status, True)
    page = (project.root / "reports" / "leaderboard.html").read_text()
    assert all(name in page for name in BAD)
    assert "Nothing to be done" in project.snakemake()


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
    project: Project,
) -> None:
    folder, elsewhere = project.root / "assets" / "speeches.txt", project.root / "elsewhere.txt"
    registry = (project.root / "models.yaml").read_text()
    (project.root / "models.yaml").write_text(registry.replace("text: speeches", "text: missing"))
    data = (project.root / "data.yaml").read_text()
    missing = "texts:\n  missing: {title: M, domain: d, format: lines, source: {kind: local, path: elsewhere.txt}}\n"
    (project.root / "data.yaml").write_text(data.replace("texts:\n", missing))
    project.config.update(models=["tiny-llama", "tiny-opt"], methods=["magnitude"])
    said = project.snakemake(succeeds=False)
    assert "4 cells: 2 error, 2 ok" in said
    assert statuses(project) == {
        ("tiny-llama", "dense"): "ok", ("tiny-llama", "magnitude"): "ok",
        ("tiny-opt", "dense"): "error", ("tiny-opt", "magnitude"): "error",
    }  # fmt: skip
    assert "no record" in (project.root / "reports" / "leaderboard.html").read_text()
    assert list((project.root / "reports" / "tables").glob("tiny-llama-perplexity-*.tex"))

    # A config without what failed has all it needs: its leaderboard is made, though there is nothing to compute.
    project.config.update(models=["tiny-llama"])
    before = project.records()
    assert "2 cells: 2 ok" in project.snakemake()
    assert project.records() == before
    assert set(statuses(project)) == {("tiny-llama", "dense"), ("tiny-llama", "magnitude")}
    project.config.update(models=["tiny-llama", "tiny-opt"])

    elsewhere.write_bytes(folder.read_bytes())
    assert "4 cells: 4 ok" in project.snakemake()
    assert {path: digest for path, digest in project.records().items() if path in before} == before
    assert set(statuses(project).values()) == {"ok"}
