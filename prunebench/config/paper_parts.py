"""The parts of a paper's layout: tables and the orderings it claims.

A table's cell is given by its coordinates (model, method, target, metric and, where it matters, dataset), each written
once where it is constant: in `cell` for the whole table, in a row, or in a column.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from prunebench.config.paper_metrics import Accuracy, PaperMetric, Quantity
from prunebench.config.strict import Strict
from prunebench.errors import PrunebenchError
from prunebench.targets import DENSE, Target

_COORDINATES = ("model", "method", "target", "metric", "dataset")
_UNORDERED = ("continuation", "status", "score")
RELATIONS = ("<<", "<=", "<", "<~", "~", ">~", ">=", ">", ">>")


def _token(text: str) -> str:
    try:
        Target.parse(text)
    except PrunebenchError as error:
        raise ValueError(str(error)) from None  # for pydantic to say where
    return text


Token = Annotated[str, AfterValidator(_token)]


@dataclass(frozen=True)
class Place:
    """Where one number stands: the paper's model, our method, the target token, and what is measured."""

    model: str
    method: str
    target: str
    quantity: Quantity


class Part(Strict):
    """Some of the coordinates of a cell. A `score` has no target: it is taken over the table's `levels`.

    Attributes:
        model: name in the registry; the paper's, whatever stands in for it.
        method: file name, with a variant.
        target: its token.
        metric: what is shown.
        dataset: a text or a task, where it matters.
    """

    model: str | None = None
    method: str | None = None
    target: Token | None = None
    metric: PaperMetric | None = None
    dataset: str | None = None


class Row(Part):
    """A row.

    Attributes:
        stubs, notes: what stands left of the numbers, and what right of them. `{name}`, `{title}`, `{cause}` (what its
            method did where it was published) and `{reason}` (why it failed here) are replaced.
        line: whether a line is above it.
        published_only: just the paper's numbers are shown: nothing here measures the like.
    """

    stubs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    line: bool = False
    published_only: bool = False


class Column(Part):
    """A column of numbers.

    Attributes:
        title: its heading.
        group: a heading above it that several share.
    """

    title: str
    group: str = ""


class Reference(Strict):
    """Published numbers.

    Attributes:
        file: in `reference/`.
        draft: of a file with several only this one.
        percent: its accuracies stand there in percent without the sign.
    """

    file: str
    draft: str = ""
    percent: bool = False


class Table(Strict):
    """One table of the paper.

    Attributes:
        title, caption: what the paper calls it and what it shows.
        stubs: headings of what stands left of the numbers; `notes`: of what stands right.
        cell: the coordinates all cells share.
        rows, columns: in the paper's order; a row and a column give the rest of a cell's coordinates.
        written: a row for every method of the run that a language model wrote, below the others; it has no method.
        levels: the targets a `score` is taken over.
        tasks: the tasks an `average` is taken over, each with its accuracy.
        reference: the published numbers.
    """

    title: str
    caption: str
    stubs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    cell: Part = Part()
    levels: tuple[Token, ...] = ()
    tasks: dict[str, Accuracy] = Field(default_factory=dict)
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
            place.quantity.check()
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
        missing = [name for name, value in values.items() if not value and name != "dataset"]
        if values["metric"] == "score":
            missing.remove("target")
        if missing:
            raise ValueError(f"{where}: no {' and no '.join(missing)} (in the row, the column or `cell`)")
        levels = self.levels if values["metric"] == "score" else ()
        tasks = tuple(self.tasks.items()) if values["metric"] == "average" else ()
        quantity = Quantity(values["metric"], values["dataset"], levels, tasks)
        return Place(values["model"], values["method"], values["target"], quantity)

    def places(self) -> Iterator[Place]:
        """All cells, row by row."""
        for row in self.rows:
            for column in self.columns:
                yield self.place(row, column)

    def needed(self) -> Iterator[Place]:
        """What has to be measured for the table."""
        for row in self.rows:
            for column in () if row.published_only else self.columns:
                place = self.place(row, column)
                if place.quantity.metric != "score":
                    yield place
                    continue
                for token in self.levels:
                    yield Place(place.model, place.method, token, Quantity("perplexity"))
                    yield Place(place.model, "random", token, Quantity("perplexity"))


def target_of(method: str, target: str) -> str:
    """Where a method stands that is compared at a target: the dense model has but its own."""
    return DENSE.token if method == "dense" else target


class Claim(Strict):
    """An ordering the paper claims, at each of some targets of each of some models.

    Attributes:
        claim: in words.
        where: the place in the paper.
        order: method names and relations, `sparsegpt <= wanda < magnitude`; `a << b` is `factor` times apart,
            `a ~ b` differs by no more than `tolerance` of the smaller one, `a <~ b` is below or that near, and other
            relations are left open where the paired test does not separate the two.
        models, targets: at each of these the order is checked.
        metric, dataset, tasks: what is compared.
        factor: of `<<` and `>>`.
        tolerance: of the relations with `~`.
        references: where the paper's own numbers for it are.
    """

    claim: str
    where: str
    order: str
    models: tuple[str, ...] = Field(min_length=1)
    targets: tuple[Token, ...] = Field(min_length=1)
    metric: PaperMetric = "perplexity"
    dataset: str = ""
    tasks: dict[str, Accuracy] = Field(default_factory=dict)
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
        if self.metric in _UNORDERED:
            raise ValueError(f"metric {self.metric} cannot be compared")
        self.quantity.check()
        return self

    @property
    def quantity(self) -> Quantity:
        """What is compared."""
        return Quantity(self.metric, self.dataset, (), tuple(self.tasks.items()))

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
                    yield Place(model, method, target_of(method, token), self.quantity)
