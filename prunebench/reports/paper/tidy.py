"""A paper's tables, figures and claims as tidy CSV files: a line per cell, point, and claim of a model and target."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from prunebench.files import replacing
from prunebench.reports.paper.claims import Verdict
from prunebench.reports.paper.filling import Filled
from prunebench.reports.paper.framing import Plotted

_CELL = (
    "row", "column", "model", "shown_model", "method", "shown_method", "target", "metric", "dataset", "shown_dataset",
    "ours", "published", "difference", "status", "reason",
)  # fmt: skip
_CLAIM = ("claim", "where", "order", "model", "shown_model", "target", "verdict", "numbers", "in_paper")


def write_table(filled: Filled, path: Path) -> None:
    """The cells with their coordinates; a table without numbers has its texts instead."""
    if not filled.table.columns:
        table = filled.table
        _write(path, (*table.stubs, *table.notes), ((*row.stubs, *row.notes) for row in table.rows))
        return
    lines = []
    for row, cells in zip(filled.table.rows, filled.cells, strict=True):
        for column, cell in zip(filled.table.columns, cells, strict=True):
            place, quantity = cell.place, cell.place.quantity
            ours = cell.ours.text if cell.ours.number is None else repr(cell.ours.number)
            difference = "" if cell.difference is None else f"{cell.difference:.6g}"
            lines.append((
                " / ".join(row.stubs), f"{column.group} {column.title}".strip(), place.model, cell.model,
                place.method, cell.method, place.target, quantity.metric, quantity.dataset, cell.dataset, ours,
                cell.published or "", difference, cell.ours.status, cell.ours.reason,
            ))  # fmt: skip
    _write(path, _CELL, lines)


def write_figure(plotted: Plotted, path: Path) -> None:
    """The numbers that are drawn."""
    _write(path, plotted.header, plotted.lines)


def write_claims(verdicts: Sequence[Verdict], path: Path) -> None:
    """The claims at each target."""
    lines = [
        (
            verdict.claim.claim, verdict.claim.where, verdict.claim.order, verdict.asked, verdict.model, point.target,
            point.word, point.numbers, verdict.in_paper,
        )
        for verdict in verdicts
        for point in verdict.points
    ]  # fmt: skip
    _write(path, _CLAIM, lines)


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
