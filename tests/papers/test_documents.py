"""The documents of the shipped papers: LaTeX complains of nothing, and what is published is shown."""

import re
from pathlib import Path

import pytest

from prunebench.config.paper import load_paper
from prunebench.config.paper_figures import Figure
from prunebench.reports.paper.build import build_paper
from prunebench.reports.paper.prose import problems_tex
from prunebench.reports.paper.published import number_of, read_published
from tests.papers.measured import write_measured
from tests.papers.shipped import ROOT
from tests.reports.compiling import compiled, fonts, needs_latex, needs_pdffonts

PAPERS = ("greedy-output", "improved-pruning", "prunenet", "stade")


@needs_latex
@needs_pdffonts
@pytest.mark.parametrize("name", PAPERS)
def test_a_full_run_makes_a_document_without_complaints_at_readable_sizes(name: str, tmp_path: Path) -> None:
    folder = ROOT / "papers" / name
    paper = load_paper(folder)
    build_paper(folder, *write_measured(paper, tmp_path / "run"), tmp_path / "out.html")
    document = tmp_path / "out" / "paper.tex"
    begin = r"\begin{document}"
    # What adjustbox would shrink is too wide without it.
    document.write_text(document.read_text().replace(begin, rf"{begin}\renewenvironment{{adjustbox}}[1]{{}}{{}}"))
    compiled(document)
    found = fonts(document.with_suffix(".pdf"))
    assert all(embedded for _, embedded in found)
    assert not any("Type 3" in kind for kind, _ in found)


@pytest.mark.parametrize("name", PAPERS)
def test_what_is_wrong_with_a_paper_is_in_its_document(name: str) -> None:
    lines = problems_tex((ROOT / "papers" / name / "README.md").read_text(encoding="utf-8"))
    assert len([line for line in lines if line == r"\item"]) >= 10
    assert not re.search(r"\[U\+", "".join(lines))


@pytest.mark.parametrize("name", PAPERS)
def test_a_figure_shows_the_published_numbers_that_any_file_has_for_it(name: str) -> None:
    folder = ROOT / "papers" / name
    paper = load_paper(folder)
    known = {
        (row["model"], row["method"], row["target"], row["metric"], row["dataset"])
        for table in paper.tables.values() if table.reference
        for row in read_published(folder, [table.reference]).rows if number_of(row["published"]) is not None
    }  # fmt: skip
    for figure in paper.figures.values():
        if isinstance(figure, Figure):
            published = read_published(folder, figure.references)
            for panel in figure.panels:
                for series in panel.series:
                    for _, place in figure.points(series):
                        quantity = place.quantity
                        key = place.model, place.method, place.target, quantity.metric, quantity.dataset
                        assert key not in known or published.at(place.model, place.method, place.target, quantity), key
