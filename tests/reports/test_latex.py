import re
import shutil
import string
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunebench.reports.latex import escape

UNESCAPED = re.compile(r"(?<!\\)[#$%&_^~|<>\"'`]")


@given(st.text())
def test_nothing_special_is_left(text):
    escaped = escape(text)
    assert not UNESCAPED.search(escaped.replace("~", ""))
    assert "\n" not in escaped
    assert "--" not in escaped
    assert escaped.count("{") - escaped.count(r"\{") == escaped.count("}") - escaped.count(r"\}")
    assert all(ord(character) < 0x100 for character in escaped)


def test_ordinary_text_is_left_alone():
    text = "SmolLM2 135M (nsamples=32; a/b), été + 1.5"
    assert escape(text) == text


def test_what_has_no_glyph_is_named():
    assert escape("大 Ж\u202e") == "{[}U+5927{]} {[}U+0416{]}{[}U+202E{]}".replace("{[}", "[").replace("{]}", "]")


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex missing: escaping is not compiled")
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext missing: what LaTeX prints is not read")
def test_latex_prints_what_went_in(tmp_path):
    latin = "".join(chr(code) for code in range(0xA1, 0x100) if code != 0xAD)
    texts = [string.printable.strip(), r"\input{/etc/passwd} \end{document} %x", "[0pt] *--,,?`!`<<>>''", latin]
    rows = "".join(rf"{escape(text)} \\" + "\n" for text in texts)
    source = (
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{lmodern}\\begin{document}\\pagestyle{empty}"
        "\\noindent\\begin{tabular}{p{\\linewidth}}\n" + rows + "\\end{tabular}\\end{document}"
    )
    (tmp_path / "a.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "a.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL, timeout=60)
    printed = subprocess.run(["pdftotext", "-raw", "a.pdf", "-"], cwd=tmp_path, check=True, capture_output=True).stdout
    squeeze = re.compile(r"\s|-")  # lines break anywhere, also at hyphens
    found = squeeze.sub("", printed.decode())
    for text in texts[:3]:
        assert squeeze.sub("", text) in found
