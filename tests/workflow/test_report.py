"""`snakemake --report`: one bundle with everything people look at, the paper's document included."""

import zipfile
from pathlib import Path

import pytest

from tests.reports.compiling import needs_latex
from tests.workflow.project import Project
from tests.workflow.test_paper import add_paper

pytestmark = pytest.mark.slow

PDF = "reports/papers/small.pdf"


@needs_latex
def test_the_bundle_has_pages_figures_tables_and_the_document(finished: Project) -> None:
    add_paper(finished)
    finished.snakemake("all", PDF)
    finished.snakemake("--report", "report.zip", "all", PDF)
    with zipfile.ZipFile(finished.root / "report.zip") as bundle:
        names = {Path(name).name for name in bundle.namelist()}
    table = "tiny-llama-perplexity-speeches"
    assert {"report.html", "leaderboard.html", "small.html", "small.pdf", f"{table}.csv", f"{table}.svg"} <= names
