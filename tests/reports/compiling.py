"""Compiling what is written for LaTeX, and what LaTeX and its PDF say of it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

needs_latex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex missing: LaTeX is not compiled")
needs_pdffonts = pytest.mark.skipif(not shutil.which("pdffonts"), reason="pdffonts missing: fonts are not looked at")

_COMPLAINTS = re.compile(
    r"^(Overfull|Underfull|LaTeX Warning|LaTeX Font Warning|Package .* Warning|Missing char).*", re.M
)


def compiled(document: Path, complaints: bool = True) -> str:
    """Compile a document in its folder; the log, in which nothing may be complained about if `complaints`."""
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", document.name]
    environment = {**os.environ, "max_print_line": "1000"}  # one message, one line
    for _ in range(2):
        done = subprocess.run(
            command, cwd=document.parent, env=environment, capture_output=True, timeout=120, check=False
        )
    log = document.with_suffix(".log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-3000:]
    if complaints:
        assert [found[0] for found in _COMPLAINTS.finditer(log)] == []
    return log


def fonts(pdf: Path) -> list[tuple[str, bool]]:
    """The kind of each font of a PDF, and whether it is embedded."""
    said = subprocess.run(["pdffonts", pdf], capture_output=True, text=True, check=True).stdout.splitlines()
    ends = [match.span() for match in re.finditer("-+", said[1])]
    lines = [[line[start:end].strip() for start, end in ends] for line in said[2:]]
    return [(line[1], line[3] == "yes") for line in lines]
