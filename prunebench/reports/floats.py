"""Table floats, and the LaTeX document that can hold them all."""

from collections.abc import Sequence

from prunebench.reports.fitting import COLUMN_GAP

NEEDS = r"% Needs \usepackage{array,booktabs,adjustbox} and \usepackage[T1]{fontenc}."

# No dates and no random ids: the same numbers make the same PDF.
_PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern,textcomp}
\usepackage[margin=2.5cm]{geometry}
\usepackage{array,booktabs,adjustbox,float,graphicx}
\usepackage[font=small,labelfont=bf,skip=4pt,justification=raggedright]{caption}
\floatplacement{table}{H}
\floatplacement{figure}{H}
\raggedbottom
\emergencystretch=3em
\pdfinfoomitdate=1
\pdfsuppressptexinfo=-1
\pdftrailerid{}"""


def table_floats(caption: str, label: str, tabulars: Sequence[Sequence[str]]) -> str:
    """A float per tabular; of several each says which part of the table it is, and the first has the plain label.

    They are set for the width of a page (`fitting.TEXT_WIDTH`) and shrink to a narrower one.

    Args:
        caption: LaTeX, ending with a full stop.
        label: without `tab:`.
    """
    lines = [NEEDS]
    for number, tabular in enumerate(tabulars, start=1):
        of_all = f" Part {number} of {len(tabulars)}." if len(tabulars) > 1 else ""
        lines += [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}{of_all}}}",
            rf"\label{{tab:{label}{f'-{number}' if number > 1 else ''}}}",
            rf"\small\setlength{{\tabcolsep}}{{{COLUMN_GAP / 2:g}pt}}",
            r"\begin{adjustbox}{max width=\linewidth}",
            *tabular,
            r"\end{adjustbox}",
            r"\end{table}",
        ]
    return "\n".join([*lines, ""])


def wrapping(widths: Sequence[float]) -> str:
    """The columns of a tabular that wrap their words at such widths, in points."""
    return "".join(rf">{{\raggedright\arraybackslash}}p{{{points:.0f}pt}}" for points in widths)


def document(title: str, body: Sequence[str]) -> str:
    """A LaTeX document, for pdflatex; its floats stand where they are put in, so there may be any number of them."""
    head = [_PREAMBLE, rf"\pdfinfo{{/Title ({_pdf_string(title)})}}", r"\begin{document}"]
    return "\n".join([*head, *body, r"\end{document}", ""])


def inputs(names: Sequence[str]) -> list[str]:
    """The lines that put in files of the document's folder, which lie there as `<name>.tex`."""
    return [rf"\input{{{name}}}" for name in names]


def _pdf_string(text: str) -> str:
    """What of a text the strings of a PDF hold without an encoding of their own."""
    return "".join(letter for letter in text if letter.isascii() and (letter.isalnum() or letter in " .,:-"))
