"""What this run has for a cell of a paper's table, out of `metrics.csv` alone.

The score of a method (the paper behind it leaves it undefined) says how much of what pruning can lose is kept,
on a logarithmic scale from random pruning (0) to the dense model (100):

    score = 100 * mean over levels of max(0, ln(ppl_random / ppl) / ln(ppl_random / ppl_dense))

over the levels at which both the method and random pruning were run, and random pruning is worse than the dense
model and finite. A failed cell counts 0, and so does one that is no better than random pruning.

An average is the mean of the accuracies of its tasks, each in the metric its paper reports; without one of them there
is none. Effective sparsity is 1 - parameters / parameters of the dense model, embeddings included.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, isnan, log, nan, sqrt
from statistics import fmean
from typing import NamedTuple

from prunebench.config.paper_metrics import PaperMetric, Quantity
from prunebench.reports.panels import DENSE_METHOD
from prunebench.reports.source import Source
from prunebench.results.expected import CONTINUATION, MEAN, PERPLEXITY, SCORED
from prunebench.results.rows import RANK
from prunebench.results.summary import worst
from prunebench.targets import DENSE

NOT_RUN = "not run"
_PERPLEXITY = Quantity("perplexity")


@dataclass(frozen=True)
class Value:
    """A measured value: a number (the mean over seeds) or a text, with its status and the reason of a failure.

    `number` is None where there is none, also if one of the seeds failed; a diverged perplexity keeps it, and
    is infinite if it is not finite.
    """

    number: float | None = None
    text: str = ""
    status: str = NOT_RUN
    reason: str = ""


class _Row(NamedTuple):
    """Of a row of metrics.csv what is read here; `spread` is half the width of its 95 % interval, or NaN."""

    metric: str
    dataset: str
    value: str
    number: float
    spread: float
    status: str
    reason: str


class Measured:
    """The rows of a run, by cell."""

    def __init__(self, source: Source) -> None:
        self.models = set(source.metrics["model"])
        self.methods = set(source.metrics["method"])
        scored = source.metrics["metric"].isin(SCORED)
        self.datasets = set(source.metrics.loc[scored, "dataset"])
        texts = source.provenance.get("protocols", {}).get(source.protocol, {}).get("perplexity", {}).get("texts", ())
        known = set(source.metrics.loc[source.metrics["metric"] == PERPLEXITY, "dataset"])
        # A paper has one text; of several the protocol's first one is shown.
        self.text = next((text for text in texts if text in known), min(known, default=""))
        self._rows: dict[tuple[str, str, str], list[_Row]] = {}
        for row in source.metrics.itertuples(index=False):
            self._rows.setdefault((row.model, row.method, row.target), []).append(
                _Row(row.metric, row.dataset, row.value, row.number, (row.high - row.low) / 2, row.status, row.reason)
            )

    def value(self, model: str, method: str, target: str, quantity: Quantity) -> Value:
        """What the run has for one cell; `NOT_RUN` where the grid had no such cell or did not measure this."""
        match quantity.metric:
            case "score":
                return self._score(model, method, quantity.levels)
            case "average":
                parts = [Quantity(metric, task) for task, metric in quantity.tasks]
                return _combined([self.value(model, method, target, part) for part in parts], fmean)
            case "effective_sparsity":
                cells = (model, DENSE_METHOD, DENSE.token), (model, method, target)
                return _combined([self.value(*cell, Quantity("parameters")) for cell in cells], _removed)
            case "status":
                rows = self._rows.get((model, method, target), [])
                return self._status([(row.status, row.reason) for row in rows])
        return self._recorded((model, method, target), quantity)

    def _recorded(self, cell: tuple[str, str, str], quantity: Quantity) -> Value:
        """A metric as the rows have it, over the seeds."""
        metric, found = quantity.metric, self._found(cell, quantity)
        if not found:
            return Value()
        status, reason = worst([(row.status, row.reason) for row in found])
        if metric == CONTINUATION:
            return Value(text=found[0].value, status=status, reason=reason)
        numbers = [None if isnan(row.number) else row.number for row in found]
        if status == "diverged":
            numbers = [inf if number is None else number for number in numbers]
        elif status != "ok":
            return Value(status=status, reason=reason)
        complete = [number for number in numbers if number is not None]
        return Value(fmean(complete) if len(complete) == len(numbers) else None, "", status, reason)

    def _found(self, cell: tuple[str, str, str], quantity: Quantity) -> list[_Row]:
        """The rows of a metric, one per seed."""
        metric, dataset = quantity.metric, self._dataset(quantity)
        return [
            row
            for row in self._rows.get(cell, [])
            if row.metric == metric and (metric == CONTINUATION or row.dataset == dataset)
        ]

    def under(self, model: str, method: str, target: str, metric: PaperMetric, prefix: str) -> dict[str, Value]:
        """What the run has of a metric on every dataset that begins with `prefix`, by the rest of its name."""
        cell = model, method, target
        names = dict.fromkeys(
            row.dataset for row in self._rows.get(cell, []) if row.metric == metric and row.dataset.startswith(prefix)
        )
        return {name.removeprefix(prefix): self._recorded(cell, Quantity(metric, name)) for name in names}

    def reason(self, method: str) -> str:
        """Why a method failed, in the words of its worst cell; empty if none failed."""
        found = [
            (row.status, row.reason)
            for (_, name, _), rows in self._rows.items() if name == method
            for row in rows if row.status != "ok"
        ]  # fmt: skip
        return worst(found)[1] if found else ""

    def tied(self, model: str, cells: tuple[tuple[str, str], tuple[str, str]], quantity: Quantity) -> bool:
        """Whether what was measured does not order two cells, (method, target) each, of a model.

        Where the run has ranked them by paired tests, they share the rank at every seed, be it as the ends of a chain
        of ties. Averages over tasks and medians of times have none: there the difference is to be larger than that of
        two independent numbers with their 95 % intervals, which asks for more than a paired test would. Without
        intervals nothing is tied.
        """
        dataset = f"{quantity.metric}/{self._dataset(quantity)}"
        rows = [self._rows.get((model, *cell), []) for cell in cells]
        ranks = [[row.number for row in of if (row.metric, row.dataset) == (RANK, dataset)] for of in rows]
        if any(ranks):
            return ranks[0] == ranks[1]
        numbers = [self.value(model, *cell, quantity).number for cell in cells]
        spreads = [self._spread((model, *cell), quantity) for cell in cells]
        if None in numbers or any(map(isnan, spreads)):
            return False
        first, second = (number for number in numbers if number is not None)
        return abs(first - second) <= sqrt(sum(spread**2 for spread in spreads))

    def _spread(self, cell: tuple[str, str, str], quantity: Quantity) -> float:
        """Half the width of the 95 % interval of a mean over tasks and seeds, from its parts'; NaN without."""
        parts = [Quantity(metric, task) for task, metric in quantity.tasks] or [quantity]
        squares = []
        for part in parts:
            found = self._found(cell, part)
            squares.append(sum(row.spread**2 for row in found) / len(found) ** 2 if found else nan)
        return sqrt(sum(squares)) / len(parts)

    def _dataset(self, quantity: Quantity) -> str:
        return quantity.dataset or {PERPLEXITY: self.text, "acc": MEAN, "acc_norm": MEAN}.get(quantity.metric, "")

    @staticmethod
    def _status(outcomes: list[tuple[str, str]]) -> Value:
        if not outcomes:
            return Value()
        status, reason = worst(outcomes)
        return Value(text=status, status=status, reason=reason)

    def _score(self, model: str, method: str, levels: Iterable[str]) -> Value:
        dense = self.value(model, DENSE_METHOD, DENSE.token, _PERPLEXITY).number
        parts, outcomes = [], []
        for token in levels:
            chance = self.value(model, "random", token, _PERPLEXITY).number
            own = self.value(model, method, token, _PERPLEXITY)
            if own.status == NOT_RUN or dense is None or chance is None or not dense < chance < inf:
                continue
            outcomes.append((own.status, own.reason))
            kept = log(chance / own.number) / log(chance / dense) if own.number not in (None, inf) else 0.0
            parts.append(max(0.0, kept))
        if not parts:
            return Value()
        ran = [outcome for outcome in outcomes if outcome[0] in ("ok", "diverged")]
        status, reason = ("ok", "") if ran else worst(outcomes)
        return Value(100 * fmean(parts), "", status, reason)


def _combined(values: Sequence[Value], combine: Callable[[list[float]], float]) -> Value:
    """A value out of several: not run where one of them was not, else with the worst of their statuses."""
    if any(value.status == NOT_RUN for value in values):
        return Value()
    status, reason = worst([(value.status, value.reason) for value in values])
    numbers = [value.number for value in values if value.number is not None]
    return Value(combine(numbers) if len(numbers) == len(values) else None, "", status, reason)


def _removed(parameters: list[float]) -> float:
    dense, pruned = parameters
    return 1 - pruned / dense
