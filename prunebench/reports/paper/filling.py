"""A paper's tables filled: in each cell our value, the published one, and how far they are apart."""

import re
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path

from prunebench.config.paper import Paper
from prunebench.config.paper_parts import Column, Place, Row, Table
from prunebench.config.standins import shown_datasets, shown_methods, shown_models
from prunebench.reports.paper.measured import Measured, Value
from prunebench.reports.paper.published import Published, read_published
from prunebench.reports.source import Source


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        place: what the paper shows there.
        model, method, dataset: those of the run that are shown; the model is empty if there is none.
        ours: the run's value.
        published: the paper's value as printed, None where it has none.
        difference: (ours - published) / published; None where the two do not measure the same thing.
    """

    place: Place
    model: str
    method: str
    dataset: str
    ours: Value
    published: str | None
    difference: float | None

    @property
    def stands_in(self) -> bool:
        """Whether something else than the paper's model, method and dataset is shown."""
        return bool(self.model) and bool(self.replaced)

    @property
    def replaced(self) -> dict[tuple[str, str], str]:
        """What is shown for (`models`, `methods` or `datasets`, the paper's name), where that is another."""
        pairs = {
            ("models", self.place.model): self.model,
            ("methods", self.place.method): self.method,
            ("datasets", self.place.quantity.dataset): self.dataset,
        }
        return {key: shown for key, shown in pairs.items() if shown not in ("", key[1])}


@dataclass(frozen=True)
class Filled:
    """A table, its rows in their final words, with its cells, row by row."""

    name: str
    table: Table
    cells: tuple[tuple[Cell, ...], ...]
    comparable: bool

    @property
    def stand_ins(self) -> dict[tuple[str, str], str]:
        """What of the run stands in for (`models`, `methods` or `datasets`, the paper's name)."""
        shown = (cell for row in self.cells for cell in row if cell.stands_in)
        return {key: name for cell in shown for key, name in cell.replaced.items()}

    def here(self, column: Column) -> str:
        """What stands in for the model and the dataset of a column, in words; empty if nothing does."""
        keys = ("models", column.model or ""), ("datasets", column.dataset or "")
        return ", ".join(self.stand_ins[key] for key in keys if key in self.stand_ins)


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
    needed = list(table.needed())
    models = shown_models(needed, measured.models, paper)
    methods = shown_methods(needed, measured.methods, paper)
    datasets = shown_datasets(needed, measured.datasets, paper)

    def cell(row: Row, place: Place) -> Cell:
        model, method = models.get(place.model, ""), methods.get(place.method, place.method)
        quantity, at = place.quantity.on(datasets), (place.model, place.method, place.target, place.quantity)
        ours = Value() if row.published_only else measured.value(model, method, place.target, quantity)
        same = comparable and (model, method, quantity) == (place.model, place.method, place.quantity)
        difference = _difference(ours, published.number(*at)) if same else None
        return Cell(place, model, method, quantity.dataset, ours, published.at(*at), difference)

    rows = tuple(tuple(cell(row, table.place(row, column)) for column in table.columns) for row in table.rows)
    return Filled(name, table, rows, comparable)


def _difference(ours: Value, published: float | None) -> float | None:
    if ours.number is None or not isfinite(ours.number) or not published:
        return None
    return (ours.number - published) / published
