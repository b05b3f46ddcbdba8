"""The parts of a paper's layout: tables, figures and the orderings it claims.

A table's cell is given by four coordinates (model, method, target, metric), each written once where it is
constant: in `cell` for the whole table, in a row, or in a column.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from prunebench.config.strict import Strict
from prunebench.errors import PrunebenchError
from prunebench.targets import Target

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


def _token(text: str) -> str:
    try:
        Target.parse(text)
    except PrunebenchError as error:
        raise ValueError(str(error)) from None  # for pydantic to say where
    return text


Token = Annotated[str, AfterValidator(_token)]


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
    target: Token | None = None
    metric: PaperMetric | None = None


class Row(Part):
    """A row: what stands left of the numbers, what stands right of them, and whether a line is above it.

    In both `{name}`, `{title}`, `{cause}` (what its method did where it was published) and `{reason}` (why it
    failed here) are replaced.
    """

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
        written: a row for every method of the run that a language model wrote, below the others; it has no method.
        levels: the targets a `score` is taken over.
        reference: the published numbers.
    """

    title: str
    caption: str
    stubs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    cell: Part = Part()
    levels: tuple[Token, ...] = ()
    rows: tuple[Row, ...] = Field(min_length=1)
    written: Row | None = None
    columns: tuple[Column, ...] = ()
    reference: Reference | None = None

    @model_validator(mode="after")
    def _cells_are_complete(self) -> "Table":
        if self.written and self.written.method:
            raise ValueError("`written` stands for several methods and cannot name one")
        for number, row in enumerate((*self.rows, *([self.written] if self.written else [])), 1):
            for heading, found in (("stubs", row.stubs), ("notes", row.notes)):
                wanted = getattr(self, heading)
                if len(found) != len(wanted):
                    raise ValueError(f"row {number} has {len(found)} {heading}, the table has {len(wanted)}")
        for place in self.places():
            if place.metric == "score" and not self.levels:
                raise ValueError("a score needs `levels`, the targets it is taken over")
        return self

    def with_written(self, methods: Iterable[str]) -> "Table":
        """The table with the rows of these methods; as it is where it has no place for them."""
        if self.written is None:
            return self
        rows = tuple(self.written.model_copy(update={"method": method}) for method in methods)
        return self.model_copy(update={"rows": (*self.rows, *rows)})

    def place(self, row: Row, column: Column) -> Place:
        """The coordinates of one cell.

        Raises:
            ValueError: one is missing, or given in more than one of table, row and column.
        """
        where = f"row {' '.join(row.stubs)!r}, column {column.title!r}"
        values: dict[str, Any] = {}
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
    targets: tuple[Token, ...] = Field(min_length=2)
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
            `a ~ b` differs by no more than `tolerance` of the smaller one, other
            relations are left open where the paired test does not separate the two.
        references: where the paper's own numbers for it are.
    """

    claim: str
    where: str
    order: str
    models: tuple[str, ...] = Field(min_length=1)
    targets: tuple[Token, ...] = Field(min_length=1)
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
