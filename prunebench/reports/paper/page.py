"""A paper's tables, figures and claims on one HTML page that needs nothing else, and no script but for its theme."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from markupsafe import Markup

import prunebench
from prunebench.config.paper import Paper
from prunebench.reports.display import STATUS_MEANINGS, STATUS_WORDS
from prunebench.reports.figures import svg_element
from prunebench.reports.paper.claims import FAILS, HOLDS, TIED, UNKNOWN, Verdict
from prunebench.reports.paper.drawing import draw
from prunebench.reports.paper.filling import Filled
from prunebench.reports.paper.framing import Plotted
from prunebench.reports.paper.tex import remarks
from prunebench.reports.paper.writing import how_shown, write_cell
from prunebench.reports.source import Source
from prunebench.reports.templating import asset, environment
from prunebench.targets import Target

_CHIPS = {HOLDS: "ok", FAILS: "rejected", TIED: "timeout", UNKNOWN: "na"}


def paper_page(
    source: Source, paper: Paper, tables: Sequence[Filled], figures: Sequence[Plotted], verdicts: Sequence[Verdict]
) -> str:
    """The page as text. The same results always make the same page."""
    statuses = {cell.ours.status for filled in tables for row in filled.cells for cell in row}
    return environment().get_template("paper.html.j2").render(
        paper=paper,
        style=asset("page.css"),
        tables=[_table(source, filled) for filled in tables],
        figures=[
            {"figure": plotted.figure, "name": plotted.name, "published": plotted.has_published,
             "svg": Markup(svg_element(partial(draw, source, plotted), plotted.name))}
            for plotted in figures
        ],
        verdicts=[
            {"verdict": verdict, "metric": _compared(verdict), "chip": _CHIPS[verdict.word],
             "points": [(Target.parse(point.target).label, _CHIPS[point.word], point) for point in verdict.shown]}
            for verdict in verdicts
        ],
        counts=[(word, chip, sum(verdict.word == word for verdict in verdicts))
                for word, chip in _CHIPS.items()],
        statuses=[(name, STATUS_WORDS[name], STATUS_MEANINGS[name]) for name in STATUS_WORDS
                  if name in statuses and name != "ok"],
        protocol=source.protocol,
        version=prunebench.__version__,
    )  # fmt: skip


def _compared(verdict: Verdict) -> str:
    """What a claim is about, where it is not the perplexity on the protocol's text."""
    quantity = verdict.claim.quantity
    title = how_shown(quantity.metric).title.lower()
    return " on ".join([title, quantity.dataset] if quantity.dataset else [] if title == "perplexity" else [title])


def _table(source: Source, filled: Filled) -> dict[str, object]:
    table = filled.table
    metrics = {cell.place.quantity.metric for row in filled.cells for cell in row}
    return {
        "name": filled.name,
        "title": table.title,
        "caption": table.caption,
        "remarks": remarks(source, filled) if filled.table.columns else [],
        "unit": how_shown(next(iter(metrics))).unit if len(metrics) == 1 else "",
        "groups": [(group, len(list(members))) for group, members in groupby(table.columns, lambda c: c.group)]
        if any(column.group for column in table.columns) else [],
        "columns": [(column.title, filled.here(column)) for column in table.columns],
        "stubs": table.stubs,
        "notes": table.notes,
        "rows": [
            {"row": row, "cells": [(cell, write_cell(cell)) for cell in cells]}
            for row, cells in zip(table.rows, filled.cells, strict=True)
        ],
    }  # fmt: skip
