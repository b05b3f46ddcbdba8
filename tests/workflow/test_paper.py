"""A paper's tables as a part of the workflow."""

import csv

import pytest
import yaml

from tests.workflow.project import Project, job_counts

pytestmark = pytest.mark.slow

LAYOUT = {
    "title": "A small paper",
    "cite": "Nobody, 2020",
    "protocols": ["other"],
    "stand_in": {"tiny-opt": "tiny-llama"},
    "tables": {
        "table1": {
            "title": "Table 1",
            "caption": "Perplexity",
            "reference": {"file": "table1.csv"},
            "cell": {"model": "tiny-opt", "metric": "perplexity"},
            "stubs": ["Level"],
            "rows": [{"stubs": ["50%"], "target": "u50"}, {"stubs": ["60%"], "target": "u60"}],
            "columns": [{"title": "Wanda", "method": "wanda"}, {"title": "Magnitude", "method": "magnitude"}],
        }
    },
    "claims": [
        {
            "claim": "Wanda is finite",
            "where": "here",
            "order": "wanda << magnitude",
            "models": ["tiny-opt"],
            "targets": ["u50"],
            "factor": 1000,
        }
    ],
}


def add_paper(project: Project) -> None:
    """Give the project a paper and let its config name it."""
    folder = project.root / "papers" / "small"
    (folder / "reference").mkdir(parents=True)
    (folder / "tables.yaml").write_text(yaml.safe_dump(LAYOUT))
    lines = ["model,method,target,metric,published", "tiny-opt,wanda,u50,perplexity,7.26"]
    (folder / "reference" / "table1.csv").write_text("\n".join(lines) + "\n")
    project.config["paper"] = "papers/small"


def test_a_paper_is_filled_from_the_records_that_are_there(finished: Project) -> None:
    add_paper(finished)
    before = finished.records()
    said = finished.snakemake()
    assert finished.computed(before) == set()
    assert "does not hold: Wanda is finite [tiny-llama (for tiny-opt), 0 of 1 targets]" in said
    with (finished.root / "reports/papers/small/table1.csv").open(newline="") as file:
        lines = {(line["row"], line["column"]): line for line in csv.DictReader(file)}
    cell = lines["50%", "Wanda"]
    assert (cell["shown_model"], cell["published"], cell["status"]) == ("tiny-llama", "7.26", "ok")
    assert lines["60%", "Wanda"]["status"] == "not run"
    assert (finished.root / "reports/papers/small.html").is_file()
    assert 'href="papers/small.html"' in (finished.root / "reports/leaderboard.html").read_text()
    assert "Nothing to be done" in finished.snakemake()


def test_a_corrected_published_number_makes_only_the_paper_anew(finished: Project) -> None:
    add_paper(finished)
    finished.snakemake()
    path = finished.root / "papers/small/reference/table1.csv"
    path.write_text(path.read_text().replace("7.26", "7.27"))
    counts = job_counts(finished.snakemake("-n", "-q", "rules"))
    assert {name: count for name, count in counts.items() if name not in ("all", "total")} == {"make_paper": 1}
