"""A paper's tables filled: in each cell our value, the published one, and how far they are apart."""

import re
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path

from prunebench.config.paper import Paper
from prunebench.config.paper_parts import Place, Row, Table
from prunebench.config.standins import shown_models
from prunebench.reports.paper.measured import Measured, Value
from prunebench.reports.paper.published import Published, number_of, read_published
from prunebench.reports.source import Source


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        place: what the paper shows there.
        model: the model of the run that is shown, empty if there is none.
        ours: the run's value.
        published: the paper's value as printed, None where it has none.
        difference: (ours - published) / published; None where the two do not measure the same thing.
    """

    place: Place
    model: str
    ours: Value
    published: str | None
    difference: float | None

    @property
    def stands_in(self) -> bool:
        """Whether another model than the paper's is shown."""
        return self.model not in ("", self.place.model)


@dataclass(frozen=True)
class Filled:
    """A table, its rows in their final words, with its cells, row by row."""

    name: str
    table: Table
    cells: tuple[tuple[Cell, ...], ...]
    comparable: bool

    @property
    def stand_ins(self) -> dict[str, str]:
        """By model of the paper, the model of the run that stands in for it."""
        return {cell.place.model: cell.model for row in self.cells for cell in row if cell.stands_in}


def fill_tables(paper: Paper, folder: Path, measured: Measured, source: Source) -> list[Filled]:
    """All tables of the paper, in its order."""
    filled, comparable = [], source.protocol in paper.protocols
    for name, table in paper.tables.items():
        published = read_published(folder, [table.reference] if table.reference else [])
        words = partial(_words, source, measured)
        rows = tuple(
            row.model_copy(update={"stubs": words(row, row.stubs), "notes": words(row, row.notes)})
            for row in table.rows
        )
        worded = table.model_copy(update={"rows": rows})
        filled.append(fill(name, worded, paper, published, measured, comparable))
    return filled


def _words(source: Source, measured: Measured, row: Row, texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of a row with what the run knows of its method."""
    method = row.method or ""
    known = {
        "{name}": method,
        "{title}": source.title("methods", method),
        "{cause}": source.cause(method),
        "{reason}": measured.reason(method),
    }
    # All at once: what is put in may look like one of these words.
    pattern = re.compile("|".join(map(re.escape, known)))
    return tuple(pattern.sub(lambda found: known[found[0]], text) for text in texts)


def fill(name: str, table: Table, paper: Paper, published: Published, measured: Measured, comparable: bool) -> Filled:
    """One table; without `comparable` no differences, since the run's protocol measures something else."""
    shown = shown_models((place.model for place in table.places()), measured.models, paper.stand_in)

    def cell(place: Place) -> Cell:
        model = shown.get(place.model, "")
        ours = measured.value(model, place.method, place.target, place.metric, table.levels)
        printed = published.at(place.model, place.method, place.target, place.metric)
        same = comparable and model == place.model
        return Cell(place, model, ours, printed, _difference(ours, printed) if same else None)

    rows = tuple(tuple(cell(table.place(row, column)) for column in table.columns) for row in table.rows)
    return Filled(name, table, rows, comparable)


def _difference(ours: Value, printed: str | None) -> float | None:
    published = number_of(printed)
    if ours.number is None or not isfinite(ours.number) or not published:
        return None
    return (ours.number - published) / published
