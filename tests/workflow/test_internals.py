"""Figures that look inside of models as a part of the workflow: the jobs they need, no others, and their numbers."""

import csv
from pathlib import Path

import pytest
import yaml

from prunebench.config.grid import expand
from prunebench.results.expected import block_pairs
from tests.papers.shipped import ROOT, load_shipped
from tests.workflow.project import Project, job_counts

pytestmark = pytest.mark.slow

LAYOUT = {
    "title": "A small paper",
    "cite": "Nobody, 2020",
    "protocols": ["other"],
    "figures": {
        "spectra": {
            "title": "Figure 1",
            "caption": "Singular values",
            "kind": "ecdf",
            "model": "tiny-llama",
            "panels": [{"title": "last", "block": -1}],
            "series": [
                {"title": "dense", "method": "dense", "target": "u00"},
                {"title": "50%", "method": "wanda", "target": "u50"},
            ],
        },
        "heads": {
            "title": "Figure 2",
            "caption": "Heads",
            "kind": "graph",
            "model": "tiny-llama",
            "tau": 0.5,
            "panels": [{"title": "A", "block": 1}, {"title": "B", "block": 7}],
        },
    },
}
INTERNALS = {"spectra": [-1], "ecdf_steps": 4, "heads": [1, 7]}


def add_paper(project: Project) -> None:
    """Give the project a paper that shows one of its two models, of `wanda` at u50 only."""
    folder = project.root / "papers" / "small"
    folder.mkdir(parents=True)
    (folder / "tables.yaml").write_text(yaml.safe_dump(LAYOUT))
    protocols = yaml.safe_load((project.root / "protocols.yaml").read_text())
    for protocol in protocols.values():
        protocol["internals"] = INTERNALS
    (project.root / "protocols.yaml").write_text(yaml.safe_dump(protocols))
    project.config |= {"paper": "papers/small", "evaluate": ["internals"], "targets": ["u50", "u60"]}


def test_only_the_cells_that_are_shown_have_jobs(project: Project) -> None:
    add_paper(project)
    project.config["models"] = ["tiny-llama", "tiny-opt"]
    counts = job_counts(project.snakemake("-n", "-q", "rules"))
    found = {name: count for name, count in counts.items() if name.startswith(("evaluate_", "tokenize_"))}
    # A dense model is always pruned, which takes its tokens; the OPT is not looked into.
    assert found == {"evaluate_internals_u00": 1, "evaluate_internals_u50": 1, "tokenize_calibration": 2}
    assert "prune_u60" not in counts


def test_the_figures_are_drawn_from_the_records(finished: Project) -> None:
    add_paper(finished)
    finished.snakemake()
    folder = finished.root / "reports/papers/small"
    with (folder / "spectra.csv").open(newline="") as file:
        points = [(line["series"], line["share"]) for line in csv.DictReader(file)]
    assert points == [(name, f"{step / 4}") for name in ("dense", "50%") for step in range(5)]
    with (folder / "heads.csv").open(newline="") as file:
        pairs = [(line["panel"], line["head"], line["other_head"]) for line in csv.DictReader(file)]
    assert pairs == [("A", str(a), str(b)) for a in range(4) for b in range(a + 1, 4)]  # there is no block 7
    for name in ("spectra", "heads"):
        assert (folder / f"{name}.pdf").stat().st_size > 1000
    assert "Nothing to be done" in finished.snakemake()


def test_a_run_that_does_not_ask_for_them_has_no_such_jobs_and_rows(finished: Project) -> None:
    counts = job_counts(finished.snakemake("-n", "-F", "-q", "rules"))
    assert not any("internals" in name for name in counts)
    assert "singular_value" not in (finished.root / "results/metrics.csv").read_text()


SHOWN = {
    "greedy-output/config.yaml": {("llama-7b", "dense"): {"u00"}},
    "greedy-output/embedded.yaml": {("smollm2-135m", "dense"): {"u00"}},
    "greedy-output/gpt2.yaml": {},
    "prunenet/config.yaml": {
        ("llama-2-7b", "dense"): {"u00"},
        ("llama-2-7b", "prunenet"): {"s10", "s20", "s30", "s40", "s50"},
        ("phi-2", "dense"): {"u00"},
        ("phi-2", "prunenet"): {"s20", "s25", "s30"},
        ("opt-2.7b", "dense"): {"u00"},
        ("opt-2.7b", "prunenet"): {"s20", "s25", "s30"},
    },
    "prunenet/embedded.yaml": {
        ("smollm2-135m", "dense"): {"u00"},
        ("smollm2-135m", "prunenet"): {"s10", "s20", "s30", "s40", "s50"},
        ("opt-tiny", "dense"): {"u00"},
        ("opt-tiny", "prunenet"): {"s20", "s30"},
    },
}


@pytest.mark.parametrize("config", SHOWN)
def test_of_the_shipped_papers_only_what_is_shown_is_looked_into(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run = load_shipped(Path("papers") / config)
    found: dict[tuple[str, str], set[str]] = {}
    for cell in expand(run).cells:
        if "internals" in cell.kinds:
            found.setdefault((cell.sweep.model, cell.sweep.method), set()).add(cell.target)
    assert found == SHOWN[config]
    settings = run.protocol_spec.internals
    assert len(block_pairs(settings.spectra, settings.heads)) <= 4  # a hundred rows for each cell, not thousands
