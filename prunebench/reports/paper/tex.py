"""A paper's tables and claims as booktabs LaTeX, in the paper's own layout."""

import re
from collections.abc import Sequence
from itertools import groupby

from prunebench.reports.display import STATUS_MEANINGS, STATUS_WORDS
from prunebench.reports.fitting import LINE, SMALL, batches, width
from prunebench.reports.floats import table_floats, wrapping
from prunebench.reports.latex import breakable, escape
from prunebench.reports.paper.claims import Verdict
from prunebench.reports.paper.filling import Cell, Filled
from prunebench.reports.paper.measured import NOT_RUN
from prunebench.reports.paper.splitting import (
    TEXT_COLUMN,
    Kind,
    Part,
    heading_lines,
    here_words,
    lines_of,
    room_below,
    split,
)
from prunebench.reports.paper.writing import Written, write_cell
from prunebench.reports.source import Source
from prunebench.results.summary import SEVERITY

_CLAIM_COLUMNS = (165.0, 105.0, 50.0, 62.0, 40.0)  # points
_CLAIM_GAP = 3.0  # points


def table_tex(source: Source, filled: Filled) -> str:
    """The table as floats: in each cell our value, and small below it the published one and the difference.

    One float, or as many as it takes to keep its letters readable; rows and columns are split, never a cell.
    """
    text = caption(source, filled)
    return table_floats(text, filled.name, [_tabular(filled, part) for part in split(filled, width(text, SMALL))])


def _tabular(filled: Filled, part: Part) -> list[str]:
    lines = []
    for i in part.rows:
        row, cells = filled.table.rows[i], filled.cells[i]
        if row.line and i != part.rows.start:
            lines.append(r"\midrule")
        shown = [_cell(cells[j], part.kinds[j]) for j in part.columns]
        lines.append(" & ".join([*map(breakable, row.stubs), *shown, *map(breakable, row.notes)]) + r" \\")
    columns = [rf"p{{{TEXT_COLUMN:.0f}pt}}" if part.kinds[j] == "text" else "r" for j in part.columns]
    return [
        rf"\begin{{tabular}}{{@{{}}{wrapping(part.stubs)}{''.join(columns)}{wrapping(part.notes)}@{{}}}}",
        r"\toprule",
        *_head(filled, part),
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def caption(source: Source, filled: Filled) -> str:
    """What the table shows, and what its cells mean here."""
    table = filled.table
    cells = [cell for row in filled.cells for cell in row]
    sentences = [f"{escape(table.title)} of the paper: {escape(table.caption.rstrip('.'))}"]
    if cells:
        sentences += [breakable(sentence) for sentence in remarks(source, filled)]
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
        title = source.title(what, ours) if what != "methods" else ours  # theirs say the same twice
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
    """The claims as floats."""
    rows = [
        (verdict.claim.claim, verdict.model_words, verdict.word, verdict.share, verdict.in_paper)
        for verdict in verdicts
    ]
    lines = [
        rf"{breakable(claim)} & {breakable(model)} & \emph{{{escape(word)}}} & {escape(share)} & {escape(paper)} \\"
        for claim, model, word, share, paper in rows
    ]
    text = (
        "What the paper claims, checked on this run's numbers: at how many of the targets that could be decided it "
        r"holds; \emph{not separated} means that its methods share a rank, as a chain of ties does, or differ by "
        "less than their intervals. The last column is the same check on the paper's own numbers."
    )
    heights = [max(map(lines_of, row, _CLAIM_COLUMNS)) * LINE + _CLAIM_GAP for row in rows]
    tabulars = [
        [
            rf"\begin{{tabular}}{{@{{}}{wrapping(_CLAIM_COLUMNS)}@{{}}}}",
            r"\toprule",
            r"Claim & Model & Here & Targets & In the paper \\",
            r"\midrule",
            *(rf"{lines[i]}\addlinespace[{_CLAIM_GAP:.0f}pt]" for i in run),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        for run in batches(heights, room_below(width(text, SMALL)))
    ]
    return table_floats(text, "claims", tabulars)


def _head(filled: Filled, part: Part) -> list[str]:
    table, columns = filled.table, [filled.table.columns[j] for j in part.columns]
    lines = []
    if any(column.group for column in columns):
        words, rules, at = [""] * len(table.stubs), [], len(table.stubs) + 1
        for group, members in groupby(columns, key=lambda column: column.group):
            count = len(list(members))
            words.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(group)}}}")
            rules += [rf"\cmidrule(lr){{{at}-{at + count - 1}}}"] if group else []
            at += count
        lines += [" & ".join([*words, *[""] * len(table.notes)]) + r" \\", "".join(rules)]
    titles = [_title(column.title, filled.here(column)) for column in columns]
    lines.append(" & ".join([*map(escape, table.stubs), *titles, *map(escape, table.notes)]) + r" \\")
    return lines


def _title(title: str, here: str) -> str:
    """The title of a column, and what stands in for its model or dataset."""
    small = [rf"{{\scriptsize\itshape {escape(line)}}}" for line in heading_lines(here_words(here))] if here else []
    lines = [*map(escape, heading_lines(title)), *small]
    return lines[0] if len(lines) == 1 else _stacked(lines)


def _cell(cell: Cell, kind: Kind) -> str:
    written = write_cell(cell)
    below = _below(written)
    if kind == "text":
        return r"\newline ".join([_main(written), *([below] if below else [])])
    main = _main(written)
    if kind == "decimals" and re.fullmatch(r"\d+", main):
        main += r"\phantom{.00}"  # stands with its point, which it has none of, below the others'
    return _stacked([main, below]) if below else main


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


def _stacked(lines: Sequence[str]) -> str:
    inner = r"\\[-0.4ex]".join(lines)
    return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{inner}\end{{tabular}}"
