"""The cells of each method with everything `metrics.csv` says of them, in one pass over its rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from prunebench.reports.display import METRICS
from prunebench.reports.panels import ordered_targets
from prunebench.reports.source import Source
from prunebench.results.expected import CONTINUATION, MEAN
from prunebench.results.rows import RANK
from prunebench.results.summary import worst
from prunebench.targets import DENSE

PRUNE = "prune"

# Columns of the frame that are read, in this order.
_CELL = ("protocol", "model", "method", "target", "seed")
_READ = ("metric", "dataset", "value", "number", "low", "high", "items", "status", "reason")


class Number(NamedTuple):
    """One measurement: the number and its interval, NaN where there is none, and of how many items it is a mean."""

    metric: str
    dataset: str
    number: float
    low: float
    high: float
    items: float
    status: str
    reason: str


class Rank(NamedTuple):
    """A place among so many methods, and the best and the worst that the method's own comparisons leave open."""

    place: float
    best: float
    worst: float
    among: float


@dataclass
class Step:
    """Pruning or one kind of evaluation: what became of it, and its costs (NaN where nobody measured them)."""

    status: str = "ok"
    reason: str = ""
    seconds: float = float("nan")
    memory_gb: float = float("nan")


@dataclass
class CellRows:
    """One cell.

    Attributes:
        scores: what methods are compared by, means before single tasks.
        others: all other numbers, in the order of the table.
        ranks: by metric and dataset.
        texts: prompt and text.
        steps: by name, pruning first.
        note: what a reader of the number must know, of a cell that was pruned.
        outcome: status and reason of the worst of its rows.
    """

    protocol: str
    model: str
    method: str
    target: str
    seed: str
    family: str = ""
    origin: str = ""
    scores: list[Number] = field(default_factory=list)
    others: list[Number] = field(default_factory=list)
    ranks: dict[tuple[str, str], Rank] = field(default_factory=dict)
    texts: list[tuple[str, str]] = field(default_factory=list)
    steps: dict[str, Step] = field(default_factory=lambda: {PRUNE: Step()})
    note: str = ""
    outcome: tuple[str, str] = ("ok", "")

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What tells it from all others."""
        return self.protocol, self.model, self.method, self.target, self.seed


def cells_by_method(source: Source) -> dict[str, list[CellRows]]:
    """By name without variant, in the order of the config: models, variants, targets, seeds."""
    found: dict[tuple[str, ...], CellRows] = {}
    frame = source.metrics
    columns = [frame[name].tolist() for name in (*_CELL, *_READ, "family", "origin")]
    for protocol, model, method, target, seed, *values, family, origin in zip(*columns, strict=True):
        key = protocol, model, method, target, seed
        cell = found.get(key)
        if cell is None:
            cell = found[key] = CellRows(protocol, model, method, target, seed, family, origin)
        _add(cell, *values)
    datasets = [MEAN, *source.ordered("datasets", {score.dataset for cell in found.values() for score in cell.scores})]
    places = {(metric, dataset): n for n, (metric, dataset) in enumerate(product(METRICS, dict.fromkeys(datasets)))}
    for cell in found.values():
        cell.scores.sort(key=lambda score: places[score.metric, score.dataset])
    grouped: dict[str, list[CellRows]] = {}
    for cell in _ordered(source, found.values()):
        grouped.setdefault(cell.method.partition("@")[0], []).append(cell)
    return grouped


def _ordered(source: Source, cells: Iterable[CellRows]) -> Iterator[CellRows]:
    listed = list(cells)
    places = [
        {name: place for place, name in enumerate(source.ordered(what, {getattr(cell, column) for cell in listed}))}
        for what, column in (("models", "model"), ("methods", "method"))
    ]
    targets = [DENSE.token, *ordered_targets({cell.target for cell in listed})]
    at = {token: place for place, token in enumerate(targets)}
    yield from sorted(
        listed,
        key=lambda c: (c.protocol, places[0][c.model], places[1][c.method], at[c.target], int(c.seed)),
    )


def _add(
    cell: CellRows, metric: str, dataset: str, value: str, number: float, low: float, high: float, items: float,
    status: str, reason: str,
) -> None:  # fmt: skip
    """Put one row of `metrics.csv` into its cell."""
    cell.outcome = worst([cell.outcome, (status, reason)])
    if metric in METRICS:
        cell.scores.append(Number(metric, dataset, number, low, high, items, status, reason))
    elif metric == RANK:
        if number == number:
            scored, _, of = dataset.partition("/")
            cell.ranks[scored, of] = Rank(number, low, high, items)
    elif metric == CONTINUATION:
        if status == "ok":
            cell.texts.append((dataset, value))
    elif metric == "prune_seconds":
        step = cell.steps[PRUNE]
        step.status, step.reason, step.seconds = status, reason, number
    elif metric == "evaluate_seconds":
        step = cell.steps.setdefault(dataset, Step())
        step.status, step.reason, step.seconds = status, reason, number
    elif metric == "peak_memory_gb":
        cell.steps.setdefault(dataset, Step()).memory_gb = number
    else:
        if number == number:
            cell.others.append(Number(metric, dataset, number, low, high, items, status, reason))
        if metric == "sparsity" and status == "ok":
            cell.note = reason
