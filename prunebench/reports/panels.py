"""Panels: one metric of one model on one dataset, over methods, targets and seeds. A table or a figure shows one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import NamedTuple

from prunebench.reports.display import METRICS, Metric
from prunebench.reports.names import report_name
from prunebench.reports.source import Source
from prunebench.results.rows import RANK
from prunebench.targets import DENSE, PATTERNS, Target

DENSE_METHOD = "dense"
RANDOM_METHOD = "random"


class Entry(NamedTuple):
    """One cell of a panel: texts as they are in `metrics.csv`, then the same as numbers (NaN where empty).

    `best` is the best place that the method's own comparisons allow: 1 where none separates it from a better one.
    `removed` is the share of the prunable weights that is gone.
    """

    method: str
    target: str
    seed: str
    status: str
    reason: str
    value: str
    ci_low: str
    ci_high: str
    number: float
    low: float
    high: float
    items: float
    rank: str
    place: float
    best: float
    removed: float


@dataclass(frozen=True)
class Panel:
    """One (protocol, model, metric, dataset).

    Attributes:
        entries: by method and target, one per seed.
        methods: all pruned methods in the order of the config.
    """

    protocol: str
    model: str
    metric: str
    dataset: str
    entries: dict[tuple[str, str], list[Entry]]
    methods: list[str]

    @property
    def name(self) -> str:
        """File name of what shows it."""
        return report_name(self.model, self.metric, self.dataset)

    @property
    def how(self) -> Metric:
        """How its metric is shown."""
        return METRICS[self.metric]

    @cached_property
    def targets(self) -> list[str]:
        """All pruned targets: by pattern, then by sparsity, then by group size."""
        return ordered_targets(target for _, target in self.entries)

    @property
    def dense(self) -> list[Entry]:
        """The dense model."""
        return self.at(DENSE_METHOD, DENSE.token)

    def at(self, method: str, target: str) -> list[Entry]:
        """One entry per seed; none where the grid has no such cell."""
        return self.entries.get((method, target), [])

    def column(self, target: str) -> list[Entry]:
        """The entries of all methods at one target."""
        return [entry for (_, at), entries in self.entries.items() if at == target for entry in entries]

    def placed(self) -> list[str]:
        """All pruned methods but random pruning, those of the best mean place over all targets first.

        At a target they are placed by their mean over the seeds. Places are shares of the methods tried there, and
        whoever failed at a seed or was not tried is last: few targets, or easy ones, are no advantage.
        """
        ranked = [method for method in self.methods if method != RANDOM_METHOD]
        sign = 1 if self.how.lower_is_better else -1
        places: dict[str, float] = dict.fromkeys(ranked, 0.0)
        for target in self.targets:
            tried = {method: entries for method in ranked if (entries := self.at(method, target))}
            means = {
                method: sign * fmean(entry.number for entry in entries)
                for method, entries in tried.items()
                if all(entry.status == "ok" for entry in entries)
            }
            order = {method: place for place, method in enumerate(sorted(means, key=means.__getitem__))}
            for method in ranked:
                places[method] += order[method] / len(tried) if method in order else 1
        return sorted(ranked, key=places.__getitem__)

    def leading(self, count: int) -> "Panel":
        """The panel with random pruning and so many other methods: the first ones of `placed`."""
        if len([method for method in self.methods if method != RANDOM_METHOD]) <= count:
            return self
        best = self.placed()[:count]
        kept = [method for method in self.methods if method == RANDOM_METHOD or method in best]
        shown = {key: found for key, found in self.entries.items() if key[0] in (DENSE_METHOD, *kept)}
        return replace(self, entries=shown, methods=kept)


def panels(source: Source) -> Iterator[Panel]:
    """The panels of all scored metrics, by protocol, model, metric and dataset."""
    rows = source.metrics
    # A cell without a number that yet did well lacks tasks that the mean is over: it has no place in that panel.
    scored = rows[rows["metric"].isin(METRICS) & ((rows["status"] != "ok") | rows["number"].notna())]
    ranks = rows[rows["metric"] == RANK].rename(
        columns={"value": "rank", "number": "place", "dataset": "scored", "low": "best"}
    )
    cell = ["protocol", "model", "method", "target", "seed"]
    scored = scored.assign(scored=scored["metric"] + "/" + scored["dataset"])
    joined = scored.merge(ranks[[*cell, "scored", "rank", "place", "best"]], on=[*cell, "scored"], how="left")
    joined["rank"] = joined["rank"].fillna("")
    measured = rows[(rows["metric"] == "sparsity") & (rows["status"] == "ok")].rename(columns={"number": "removed"})
    joined = joined.merge(measured[[*cell, "removed"]], on=cell, how="left")
    for (protocol, model, metric, dataset), group in joined.groupby(["protocol", "model", "metric", "dataset"]):
        entries: dict[tuple[str, str], list[Entry]] = {}
        for values in group[list(Entry._fields)].itertuples(index=False, name=None):
            entry = Entry(*values)
            entries.setdefault((entry.method, entry.target), []).append(entry)
        methods = source.ordered("methods", {method for method, _ in entries} - {DENSE_METHOD})
        yield Panel(protocol, model, metric, dataset, entries, methods)


def ordered_targets(tokens: Iterable[str]) -> list[str]:
    """Pruned targets, each once: by pattern, then by sparsity, then by group size."""
    targets = {Target.parse(token) for token in tokens} - {DENSE}
    return [t.token for t in sorted(targets, key=lambda t: (PATTERNS.index(t.pattern), t.sparsity, t.m))]
