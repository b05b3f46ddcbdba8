"""A paper's tables and claims as booktabs LaTeX, in the paper's own layout."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from prunebench.reports.display import STATUS_MEANINGS, STATUS_WORDS
from prunebench.reports.latex import escape
from prunebench.reports.paper.claims import Verdict
from prunebench.reports.paper.filling import Cell, Filled
from prunebench.reports.paper.measured import NOT_RUN
from prunebench.reports.paper.writing import Written, write_cell
from prunebench.reports.source import Source
from prunebench.results.summary import SEVERITY

_PACKAGES = r"% Needs \usepackage{booktabs,adjustbox} and \usepackage[T1]{fontenc}."
_TEXT_WIDTH = "6.5cm"


def table_tex(source: Source, filled: Filled) -> str:
    """The table as a float: in each cell our value, and small below it the published one and the difference."""
    table, texts = filled.table, [_is_text(filled, i) for i in range(len(filled.table.columns))]
    columns = "l" * len(table.stubs) + "".join(_column(text) for text in texts) + "p{5cm}" * len(table.notes)
    lines = []
    for row, cells in zip(table.rows, filled.cells, strict=True):
        if row.line:
            lines.append(r"\midrule")
        words = [*map(escape, row.stubs), *map(_cell, cells, texts), *map(escape, row.notes)]
        lines.append(" & ".join(words) + r" \\")
    return _float(filled.name, caption(source, filled), columns, _head(filled), lines)


def caption(source: Source, filled: Filled) -> str:
    """What the table shows, and what its cells mean here."""
    table = filled.table
    cells = [cell for row in filled.cells for cell in row]
    sentences = [f"{escape(table.title)} of the paper: {escape(table.caption.rstrip('.'))}"]
    if cells:
        sentences += [escape(sentence) for sentence in remarks(source, filled)]
        found = {cell.ours.status for cell in cells} - {"ok"}
        sentences += [rf"\emph{{{STATUS_WORDS[s]}}}: {STATUS_MEANINGS[s]}" for s in SEVERITY if s in found]
        if NOT_RUN in found:
            sentences.append(rf"\emph{{{NOT_RUN}}}: not in the grid of this run")
    return ". ".join(sentences) + "."


def remarks(source: Source, filled: Filled) -> list[str]:
    """How to read the cells, as plain sentences without their full stops."""
    sentences = [f"Measured with protocol {source.protocol}"]
    stand_ins = filled.stand_ins
    for (what, asked), ours in stand_ins.items():
        title = source.title(what, ours)
        sentences.append(f"{ours if title == ours else f'{title} ({ours})'} stands in for {asked}")
    if any(cell.published is not None for row in filled.cells for cell in row):
        if not filled.comparable:
            sentences.append("Small below each value: the published one, of another protocol, so without a difference")
        elif stand_ins:
            sentences.append(
                "Small below each value: the published one and, where nothing stands in for the paper's, our relative "
                "difference"
            )
        else:
            sentences.append("Small below each value: the published one and our relative difference from it")
    return sentences


def claims_tex(verdicts: Sequence[Verdict]) -> str:
    """The claims as a table float."""
    lines = [
        " & ".join([
            escape(verdict.claim.claim),
            escape(verdict.model_words),
            rf"\emph{{{escape(verdict.word)}}}",
            escape(verdict.share),
            escape(verdict.in_paper),
        ]) + r" \\"
        for verdict in verdicts
    ]  # fmt: skip
    head = [r"Claim & Model & Here & Targets & In the paper \\"]
    text = (
        "What the paper claims, checked on this run's numbers: at how many of the targets that could be decided it "
        r"holds; \emph{not separated} means that the numbers cannot tell its methods apart. The last column is the "
        "same check on the paper's own numbers."
    )
    return _float("claims", text, "p{8cm}llll", head, lines)


def _float(name: str, text: str, columns: str, head: Iterable[str], lines: Iterable[str]) -> str:
    return "\n".join(
        [
            _PACKAGES,
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{text}}}",
            rf"\label{{tab:{name}}}",
            r"\smallskip",
            r"\begin{adjustbox}{max width=\linewidth,max totalheight=0.8\textheight}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *head,
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{adjustbox}",
            r"\end{table}",
            "",
        ]
    )


def _head(filled: Filled) -> list[str]:
    table = filled.table
    lines = []
    if any(column.group for column in table.columns):
        words, rules, at = [""] * len(table.stubs), [], len(table.stubs) + 1
        for group, members in groupby(table.columns, key=lambda column: column.group):
            width = len(list(members))
            words.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(group)}}}")
            rules += [rf"\cmidrule(lr){{{at}-{at + width - 1}}}"] if group else []
            at += width
        lines += [" & ".join([*words, *[""] * len(table.notes)]) + r" \\", "".join(rules)]
    titles = [
        _stacked(escape(column.title), rf"{{\scriptsize\itshape here: {escape(here)}}}", "c")
        if (here := filled.here(column))
        else escape(column.title)
        for column in table.columns
    ]
    lines.append(" & ".join([*map(escape, table.stubs), *titles, *map(escape, table.notes)]) + r" \\")
    return lines


def _is_text(filled: Filled, column: int) -> bool:
    return any(row[column].place.quantity.metric == "continuation" for row in filled.cells)


def _column(text: bool) -> str:
    return f"p{{{_TEXT_WIDTH}}}" if text else "r"


def _cell(cell: Cell, text: bool) -> str:
    written = write_cell(cell)
    below = _below(written)
    if text:
        return r"\newline ".join([_main(written), *([below] if below else [])])
    return _stacked(_main(written), below, "r") if below else _main(written)


def _main(written: Written) -> str:
    number = rf"{written.number}\,$\times10^{{{written.power}}}$" if written.power else _minus(written.number)
    status = rf"{{\footnotesize\itshape {escape(written.status)}}}" if written.status else ""
    return " ".join(filter(None, [number, escape(written.text), status]))


def _below(written: Written) -> str:
    if written.published is None:
        return ""
    words = " ".join(filter(None, [escape(written.published), _minus(escape(written.difference))]))
    return rf"{{\scriptsize {words}}}"


def _minus(text: str) -> str:
    return text.replace("inf", r"$\infty$").replace("-", "$-$")


def _stacked(above: str, below: str, side: str) -> str:
    return rf"\begin{{tabular}}[t]{{@{{}}{side}@{{}}}}{above}\\[-0.4ex]{below}\end{{tabular}}"
