"""The document of a paper: everything in it, compiled without a complaint, at sizes that can be read."""

import re
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest

from prunebench.reports.paper.build import build_paper
from tests.reports.compiling import compiled, fonts, needs_latex, needs_pdffonts
from tests.reports.paper.small import LAYOUT, ROWS, write_paper, write_run

needs_pdftotext = pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext missing: PDFs are not read")
README = """# A small paper

## What is wrong or unclear in the paper

* **The numbers** are made up.
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("document")
    folder = write_paper(root / "small")
    (folder / "README.md").write_text(README)
    page = root / "out.html"
    build_paper(folder, *write_run(root), page)
    return page.with_suffix("") / "paper.tex"


def printed(pdf: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


@needs_latex
@needs_pdffonts
def test_it_compiles_without_a_complaint_and_its_fonts_are_embedded(document: Path) -> None:
    compiled(document)
    found = fonts(document.with_suffix(".pdf"))
    assert found
    assert all(embedded for _, embedded in found)
    assert {kind for kind, _ in found} <= {"Type 1", "TrueType", "CID TrueType"}


@needs_latex
@needs_pdftotext
def test_it_says_what_was_run_and_has_every_table_figure_claim_and_problem(document: Path) -> None:
    compiled(document)
    text = printed(document.with_suffix(".pdf"))
    for words in (
        "A small paper", "Nobody, 2020", "Protocol exact", "small for big-llama", "How to read it",
        "Table 1 of the paper: Perplexity", "Table 2 of the paper", "Table 3 of the paper",
        "Figure 1 of the paper: Curves",
        "Wanda beats random pruning", "7.26", "The numbers are made up.",
    ):  # fmt: skip
        assert words in text, words


def test_the_head_names_commit_and_machine(tmp_path: Path) -> None:
    from prunebench.results.runfiles import read_run
    from prunebench.sealed import write_sealed_json

    metrics, provenance = write_run(tmp_path)
    environment = {
        "records": 7, "git_sha": "0123456789abcdef", "git_dirty": True, "cpu": "A_CPU", "cores": 2, "gpu": None,
        "os": "Linux", "torch": "2.0",
    }  # fmt: skip
    write_sealed_json(provenance, read_run(metrics, provenance) | {
        "environments": [environment], "cells": [{"model": "small"}, {"model": "real"}], "statuses": {"ok": 2},
    })  # fmt: skip
    build_paper(write_paper(tmp_path / "small"), metrics, provenance, tmp_path / "out.html")
    head = (tmp_path / "out" / "paper.tex").read_text().replace(r"\allowbreak{}", "")
    assert r"\item[{Cells}] 2 (2 ok), 0.0 hours" in head
    assert r"\item[{7 records}] commit 0123456789ab with uncommitted changes; A\_CPU, 2 cores, Linux; torch 2.0" in head


@needs_latex
def test_more_rows_columns_and_claims_than_fit_come_in_parts_that_are_not_shrunk(tmp_path: Path) -> None:
    layout = deepcopy(LAYOUT)
    table = layout["tables"]["table1"]
    table["rows"] = [{**table["rows"][i % 3], "line": i % 5 == 0} for i in range(60)]
    table["columns"] = [{**table["columns"][2], "title": f"Measured {i}"} for i in range(14)]
    layout["claims"] = [{**layout["claims"][0], "claim": f"Claim {i} is about many things"} for i in range(60)]
    page = tmp_path / "out.html"
    build_paper(write_paper(tmp_path / "small", layout), *write_run(tmp_path, ROWS), page)
    files = page.with_suffix("")
    for name in ("table1", "claims"):
        text = (files / f"{name}.tex").read_text()
        parts = re.findall(r"Part (\d+) of (\d+)\.", text)
        assert [int(part) for part, _ in parts] == list(range(1, int(parts[0][1]) + 1))
        assert len(parts) > 1
    document = files / "paper.tex"
    begin = r"\begin{document}"
    document.write_text(document.read_text().replace(begin, rf"{begin}\renewenvironment{{adjustbox}}[1]{{}}{{}}"))
    assert "Float too large" not in compiled(document)
