import pytest

from prunebench.errors import PrunebenchError
from prunebench.reports.floats import document
from prunebench.reports.typesetting import typeset
from tests.reports.compiling import needs_latex


@needs_latex
def test_the_same_document_makes_the_same_pdf_and_leaves_nothing_else(tmp_path):
    source = tmp_path / "source/paper.tex"
    source.parent.mkdir()
    source.write_text(document("Title (with signs) & more", ["Words."]))
    for name in ("one.pdf", "two.pdf"):
        typeset(source, tmp_path / name)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    assert [path.name for path in source.parent.iterdir()] == ["paper.tex"]


@needs_latex
def test_an_error_of_latex_is_told_and_makes_no_pdf(tmp_path):
    source = tmp_path / "paper.tex"
    source.write_text(document("Title", [r"\unknown"]))
    with pytest.raises(PrunebenchError, match=r"paper\.tex: Undefined control sequence"):
        typeset(source, tmp_path / "paper.pdf")
    assert not (tmp_path / "paper.pdf").exists()


def test_without_latex_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrunebenchError, match=r"pdflatex is not there, so .*paper.tex.*install TeX Live"):
        typeset(tmp_path / "paper.tex", tmp_path / "paper.pdf")
