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
from math import inf, log
from statistics import fmean

from prunebench.config.paper_metrics import PaperMetric, Quantity
from prunebench.reports.panels import DENSE_METHOD
from prunebench.reports.source import Source
from prunebench.results.expected import CONTINUATION, MEAN, PERPLEXITY, SCORED
from prunebench.results.rows import RANK
from prunebench.results.summary import SEVERITY
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
        self._rows: dict[tuple[str, str, str], list[tuple[str, str, str, float, str, str]]] = {}
        for row in source.metrics.itertuples(index=False):
            self._rows.setdefault((row.model, row.method, row.target), []).append(
                (row.metric, row.dataset, row.value, row.number, row.status, row.reason)
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
                return self._status([(status, reason) for *_, status, reason in rows])
        return self._recorded((model, method, target), quantity)

    def _recorded(self, cell: tuple[str, str, str], quantity: Quantity) -> Value:
        """A metric as the rows have it, over the seeds."""
        rows, metric, dataset = self._rows.get(cell, []), quantity.metric, self._dataset(quantity)
        found = [row for row in rows if row[0] == metric and (metric == CONTINUATION or row[1] == dataset)]
        if not found:
            return Value()
        status, reason = _worst([(status, reason) for *_, status, reason in found])
        if metric == CONTINUATION:
            return Value(text=found[0][2], status=status, reason=reason)
        numbers = [number if number == number else None for _, _, _, number, _, _ in found]
        if status == "diverged":
            numbers = [inf if number is None else number for number in numbers]
        elif status != "ok":
            return Value(status=status, reason=reason)
        complete = [number for number in numbers if number is not None]
        return Value(fmean(complete) if len(complete) == len(numbers) else None, "", status, reason)

    def under(self, model: str, method: str, target: str, metric: PaperMetric, prefix: str) -> dict[str, Value]:
        """What the run has of a metric on every dataset that begins with `prefix`, by the rest of its name."""
        cell = model, method, target
        names = dict.fromkeys(
            row[1] for row in self._rows.get(cell, []) if row[0] == metric and row[1].startswith(prefix)
        )
        return {name.removeprefix(prefix): self._recorded(cell, Quantity(metric, name)) for name in names}

    def reason(self, method: str) -> str:
        """Why a method failed, in the words of its worst cell; empty if none failed."""
        found = [
            (row[-2], row[-1])
            for (_, name, _), rows in self._rows.items() if name == method
            for row in rows if row[-2] != "ok"
        ]  # fmt: skip
        return _worst(found)[1] if found else ""

    def tied(self, model: str, methods: tuple[str, str], target: str, quantity: Quantity) -> bool:
        """Whether the paired tests of the run separate two methods at no seed: they share every rank."""
        dataset = f"{quantity.metric}/{self._dataset(quantity)}"
        ranks = [
            [row[3] for row in self._rows.get((model, method, target), []) if row[:2] == (RANK, dataset)]
            for method in methods
        ]
        return bool(ranks[0]) and ranks[0] == ranks[1]

    def _dataset(self, quantity: Quantity) -> str:
        return quantity.dataset or {PERPLEXITY: self.text, "acc": MEAN, "acc_norm": MEAN}.get(quantity.metric, "")

    @staticmethod
    def _status(outcomes: list[tuple[str, str]]) -> Value:
        if not outcomes:
            return Value()
        status, reason = _worst(outcomes)
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
        status, reason = ("ok", "") if ran else _worst(outcomes)
        return Value(100 * fmean(parts), "", status, reason)


def _combined(values: Sequence[Value], combine: Callable[[list[float]], float]) -> Value:
    """A value out of several: not run where one of them was not, else with the worst of their statuses."""
    if any(value.status == NOT_RUN for value in values):
        return Value()
    status, reason = _worst([(value.status, value.reason) for value in values])
    numbers = [value.number for value in values if value.number is not None]
    return Value(combine(numbers) if len(numbers) == len(values) else None, "", status, reason)


def _removed(parameters: list[float]) -> float:
    dense, pruned = parameters
    return 1 - pruned / dense


def _worst(outcomes: list[tuple[str, str]]) -> tuple[str, str]:
    return min(outcomes, key=lambda outcome: SEVERITY.index(outcome[0]))
