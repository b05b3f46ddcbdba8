"""What a folder in `papers/` says: the layout of a paper's tables and figures, and the orderings it claims.

A table's cell is given by four coordinates (model, method, target, metric), each written once where it is
constant: in `cell` for the whole table, in a row, or in a column.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from prunebench.config.strict import Strict, parse, read_yaml
from prunebench.errors import PrunebenchError
from prunebench.targets import Target

TABLES_FILE = "tables.yaml"
REFERENCE_FOLDER = "reference"

# `status` is how the cell ended, `score` is defined in prunebench/reports/paper/measured.py.
PaperMetric = Literal["perplexity", "acc", "continuation", "prune_seconds", "status", "score"]
_KINDS: dict[PaperMetric, tuple[str, ...]] = {
    "perplexity": ("perplexity",),
    "acc": ("zeroshot",),
    "continuation": ("generation",),
    "prune_seconds": (),
    "status": ("perplexity",),
    "score": ("perplexity",),
}
_COORDINATES = ("model", "method", "target", "metric")
RELATIONS = ("<<", "<=", "<", "~", ">=", ">", ">>")

# Names of tables and figures become file names.
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]


@dataclass(frozen=True)
class Place:
    """Where one number stands: the paper's model, our method, the target token and the metric."""

    model: str
    method: str
    target: str
    metric: PaperMetric

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of evaluation the number comes from."""
        return _KINDS[self.metric]


class Part(Strict):
    """Some of the coordinates of a cell. A `score` has no target: it is taken over the table's `levels`."""

    model: str | None = None
    method: str | None = None
    target: str | None = None
    metric: PaperMetric | None = None

    @model_validator(mode="after")
    def _target_is_a_token(self) -> "Part":
        if self.target is not None:
            Target.parse(self.target)
        return self


class Row(Part):
    """A row: what stands left of the numbers, what stands right of them, and whether a line is above it."""

    stubs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    line: bool = False


class Column(Part):
    """A column of numbers, under `group` where several share a heading."""

    title: str
    group: str = ""


class Reference(Strict):
    """Published numbers: a file in `reference/`, of it only one draft if it has several."""

    file: str
    draft: str = ""


class Table(Strict):
    """One table of the paper.

    Attributes:
        title, caption: what the paper calls it and what it shows.
        stubs: headings of what stands left of the numbers; `notes`: of what stands right.
        cell: the coordinates all cells share.
        levels: the targets a `score` is taken over.
        reference: the published numbers.
    """

    title: str
    caption: str
    stubs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    cell: Part = Part()
    levels: tuple[str, ...] = ()
    rows: tuple[Row, ...] = Field(min_length=1)
    columns: tuple[Column, ...] = ()
    reference: Reference | None = None

    @model_validator(mode="after")
    def _cells_are_complete(self) -> "Table":
        for number, row in enumerate(self.rows, 1):
            for heading, found in (("stubs", row.stubs), ("notes", row.notes)):
                wanted = getattr(self, heading)
                if len(found) != len(wanted):
                    raise ValueError(f"row {number} has {len(found)} {heading}, the table has {len(wanted)}")
        for place in self.places():
            if place.metric == "score" and not self.levels:
                raise ValueError("a score needs `levels`, the targets it is taken over")
        for token in self.levels:
            Target.parse(token)
        return self

    def place(self, row: Row, column: Column) -> Place:
        """The coordinates of one cell.

        Raises:
            ValueError: one is missing, or given in more than one of table, row and column.
        """
        where = f"row {' '.join(row.stubs)!r}, column {column.title!r}"
        values = {}
        for name in _COORDINATES:
            found = [value for part in (self.cell, row, column) if (value := getattr(part, name)) is not None]
            if len(found) > 1:
                raise ValueError(f"{where}: {name} is given {len(found)} times ({', '.join(map(str, found))})")
            values[name] = found[0] if found else ""
        if values["metric"] == "score" and values["target"]:
            raise ValueError(f"{where}: a score has no target, it is taken over `levels`")
        missing = [name for name, value in values.items() if not value]
        if values["metric"] == "score":
            missing.remove("target")
        if missing:
            raise ValueError(f"{where}: no {' and no '.join(missing)} (in the row, the column or `cell`)")
        return Place(**values)

    def places(self) -> Iterator[Place]:
        """All cells, row by row."""
        for row in self.rows:
            for column in self.columns:
                yield self.place(row, column)

    def needed(self) -> Iterator[Place]:
        """What has to be measured for the table."""
        for place in self.places():
            if place.metric != "score":
                yield place
                continue
            for token in self.levels:
                yield Place(place.model, place.method, token, "perplexity")
                yield Place(place.model, "random", token, "perplexity")


class Series(Strict):
    """One curve of a figure."""

    title: str
    method: str


class Panel(Strict):
    """One set of axes of a figure."""

    title: str = ""
    series: tuple[Series, ...] = Field(min_length=1)


class Figure(Strict):
    """Perplexity against sparsity, of one model, as curves over `targets`."""

    title: str
    caption: str
    model: str
    targets: tuple[str, ...] = Field(min_length=2)
    panels: tuple[Panel, ...] = Field(min_length=1)
    references: tuple[Reference, ...] = ()

    @model_validator(mode="after")
    def _targets_are_a_line(self) -> "Figure":
        for token in self.targets:
            if Target.parse(token).pattern not in ("unstructured", "dense"):
                raise ValueError(f"target {token!r}: a figure's axis is unstructured sparsity")
        return self

    def needed(self) -> Iterator[Place]:
        """What has to be measured for the figure."""
        for panel in self.panels:
            for series in panel.series:
                for token in self.targets:
                    yield Place(self.model, series.method, token, "perplexity")


class Claim(Strict):
    """An ordering the paper claims, at each of some targets of each of some models.

    Attributes:
        claim: in words.
        where: the place in the paper.
        order: method names and relations, `sparsegpt <= wanda < magnitude`; `a << b` is `factor` times apart,
            `a ~ b` differs by no more than `tolerance` of the smaller one.
        references: where the paper's own numbers for it are.
    """

    claim: str
    where: str
    order: str
    models: tuple[str, ...] = Field(min_length=1)
    targets: tuple[str, ...] = Field(min_length=1)
    metric: Literal["perplexity", "acc"] = "perplexity"
    factor: Annotated[float, Field(gt=1)] = 10.0
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    references: tuple[Reference, ...] = ()

    @model_validator(mode="after")
    def _order_can_be_read(self) -> "Claim":
        words = self.order.split()
        if len(words) < 3 or len(words) % 2 == 0:
            raise ValueError(f"order {self.order!r} is not method, relation, method, ... separated by spaces")
        for relation in words[1::2]:
            if relation not in RELATIONS:
                raise ValueError(f"order {self.order!r}: {relation!r} is not one of {' '.join(RELATIONS)}")
        for token in self.targets:
            Target.parse(token)
        return self

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the ordering."""
        return tuple(self.order.split()[0::2])

    @property
    def steps(self) -> tuple[tuple[str, str, str], ...]:
        """The ordering as (method, relation, method) between neighbours."""
        words = self.order.split()
        return tuple((words[i], words[i + 1], words[i + 2]) for i in range(0, len(words) - 2, 2))

    def needed(self) -> Iterator[Place]:
        """What has to be measured for the claim."""
        for model in self.models:
            for method in self.methods:
                for token in self.targets:
                    yield Place(model, method, token, self.metric)


class Paper(Strict):
    """`tables.yaml`.

    Attributes:
        title, cite: of the paper.
        protocols: under these our numbers mean what the published ones mean, so differences are shown.
        stand_in: embedded models that are shown, and labelled, where a paper's model is not in the run.
        tables, figures: by file name.
    """

    title: str
    cite: str
    protocols: tuple[str, ...] = Field(min_length=1)
    stand_in: dict[str, str] = Field(default_factory=dict)
    tables: dict[FileName, Table] = Field(default_factory=dict)
    figures: dict[FileName, Figure] = Field(default_factory=dict)
    claims: tuple[Claim, ...] = ()

    def parts(self) -> "Iterator[Table | Figure | Claim]":
        """Everything that shows numbers."""
        yield from self.tables.values()
        yield from self.figures.values()
        yield from self.claims

    @property
    def places(self) -> Iterator[Place]:
        """Every number that is shown or compared."""
        for part in self.parts():
            yield from part.needed()

    @property
    def reference_files(self) -> list[str]:
        """The files of published numbers, each once."""
        found = [reference for part in (*self.figures.values(), *self.claims) for reference in part.references]
        found += [table.reference for table in self.tables.values() if table.reference]
        return sorted({reference.file for reference in found})


def load_paper(folder: Path) -> Paper:
    """Read `tables.yaml` of a paper's folder.

    Raises:
        PrunebenchError: the folder's name cannot be a file name, or the file is absent or wrong, naming table and key.
    """
    if not re.fullmatch(get_args(FileName)[1].pattern, folder.name):
        raise PrunebenchError(f"config: paper {str(folder)!r}: name the folder with a-z, 0-9 and - only")
    path = folder / TABLES_FILE
    if not path.is_file():
        raise PrunebenchError(f"config: paper {str(folder)!r} has no {TABLES_FILE}; name a folder below papers/")
    return parse(Paper, read_yaml(path), str(path))
