"""LaTeX documents made into PDF files."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from prunebench.errors import PrunebenchError
from prunebench.files import replacing

PDFLATEX = "pdflatex"
_RUNS = 2  # the second knows the widths and labels of the first
_MINUTES = 5.0


def typeset(document: Path, pdf: Path) -> None:
    """Run pdflatex on a document in its folder, where nothing is left behind; `pdf` is whole or absent.

    Raises:
        PrunebenchError: pdflatex is absent, takes too long, or stops at an error, which is given.
    """
    program = shutil.which(PDFLATEX)
    if program is None:
        raise PrunebenchError(
            f"{PDFLATEX} is not there, so {document} was not made into {pdf}: install TeX Live "
            "(Debian: texlive-latex-extra, lmodern), or run LaTeX on that folder elsewhere"
        )
    with TemporaryDirectory() as folder:
        command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape",
                   f"-output-directory={folder}", document.name]  # fmt: skip
        for _ in range(_RUNS):
            _run(command, document)
        with replacing(pdf) as temporary:
            shutil.copyfile(Path(folder) / f"{document.stem}.pdf", temporary)


def _run(command: list[str], document: Path) -> None:
    environment = {**os.environ, "max_print_line": "1000"}  # else messages are broken in the middle of words
    try:
        done = subprocess.run(command, cwd=document.parent, env=environment, capture_output=True, timeout=60 * _MINUTES,
                              check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PrunebenchError(f"{PDFLATEX} took more than {_MINUTES:g} minutes for {document}") from None
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").splitlines()
        first = next((line for line in said if line.startswith("!")), "no reason given")
        raise PrunebenchError(f"{PDFLATEX} stopped at {document}: {first.removeprefix('! ')}")
