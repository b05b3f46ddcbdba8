"""The leaderboard page's data: every cell once, with all that was measured of it, small enough to embed."""

from collections.abc import Iterable
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from prunebench.reports.display import CEILING, METRICS, OFF_TARGET, ORIGIN_WORDS, STATUS_MEANINGS, STATUS_WORDS
from prunebench.reports.latex import SPECIAL
from prunebench.reports.panels import Panel, ordered_targets
from prunebench.reports.source import Source
from prunebench.results.expected import CONTINUATION, MEAN, PERPLEXITY
from prunebench.results.intervals import CONFIDENCE
from prunebench.results.ranking import ALPHA
from prunebench.results.rows import RANK
from prunebench.results.summary import worst
from prunebench.targets import Target

Json = dict[str, Any]

_NAMED = 3  # so many cells are named behind each reason


def board(source: Source, shown: Iterable[Panel]) -> Json:
    """Everything the page's script needs, as JSON.

    `metrics` has one entry per (metric, dataset), `overlaps` a sentence per model and metric whose domain the
    model saw before, `flattered` the methods that it is about where it is not about all; `pages` the methods
    that have a page; `cells` one per cell of the grid. A cell's `values` has by metric
    `[value, low, high, items, rank, best, worst]`, its `failures` `[status, reason]` where there is no value or the
    value failed; its `status` is the worst of its rows. Its `costs` have one number by metric and dataset, its `spans`
    the interval `[low, high]` of those that have one.
    """
    panels = list(shown)
    datasets: dict[str, set[str]] = {}
    for panel in panels:
        datasets.setdefault(panel.metric, set()).add(panel.dataset)
    metrics = [
        (metric, dataset)
        for metric in METRICS
        for dataset in sorted(source.ordered("datasets", datasets.get(metric, ())), key=lambda name: name != MEAN)
    ]
    cells = _cells(source)
    targets = ordered_targets({cell["target"] for cell in cells})
    protocols, described = source.provenance.get("protocols", {}), source.provenance.get("methods", [])
    return {
        "protocols": {name: protocols.get(name, {}).get("title", "") for name in sorted(_all(cells, "protocol"))},
        "models": {name: source.title("models", name) for name in source.ordered("models", _all(cells, "model"))},
        "methods": {name: source.title("methods", name) for name in source.ordered("methods", _all(cells, "method"))},
        "pages": sorted({entry["name"] for entry in described} & _all(cells, "method")),
        "targets": {
            token: {"label": target.label, "pattern": target.pattern, "sparsity": target.sparsity}
            for token, target in ((token, Target.parse(token)) for token in targets)
        },
        "metrics": {f"{metric}/{dataset}": _metric(source, metric, dataset) for metric, dataset in metrics},
        "overlaps": {
            f"{panel.model}/{panel.metric}/{panel.dataset}": sentence
            for panel in panels
            if (sentence := source.overlap(panel.model, panel.dataset))
        },
        "flattered": {
            f"{panel.model}/{panel.metric}/{panel.dataset}": methods
            for panel in panels
            if (methods := source.flattered(panel.model, panel.dataset))
        },
        "statuses": {name: {"word": word, "meaning": STATUS_MEANINGS[name]} for name, word in STATUS_WORDS.items()},
        "origins": ORIGIN_WORDS,
        "ceiling": CEILING,
        "off_target": OFF_TARGET,
        "confidence": CONFIDENCE,
        "alpha": ALPHA,
        "latex": SPECIAL,
        "cells": cells,
    }


def failures(data: Json) -> list[Json]:
    """What went wrong, most frequent first: `status`, `reason`, `count` of cells and the first few `cells`.

    Of a cell the `name`, and the `view` of the page in which it is opened: what follows # in its address.
    """
    found: dict[tuple[str, str], list[Json]] = {}
    for cell in data["cells"]:
        if cell["status"] != "ok":
            names = data["models"][cell["model"]], data["methods"][cell["method"]], Target.parse(cell["target"]).label
            key = "/".join(str(cell[column]) for column in ("protocol", "model", "method", "target", "seed"))
            view = urlencode({**{column: cell[column] for column in ("protocol", "model", "target")}, "open": key})
            found.setdefault((cell["status"], cell["reason"]), []).append({"name": ", ".join(names), "view": view})
    return [
        {"status": status, "reason": reason, "count": len(cells), "cells": cells[:_NAMED]}
        for (status, reason), cells in sorted(found.items(), key=lambda item: -len(item[1]))
    ]


def _metric(source: Source, metric: str, dataset: str) -> Json:
    how = METRICS[metric]
    return {
        "title": how.title,
        "dataset": source.title("datasets", dataset),
        "lower": how.lower_is_better,
        "scale": how.scale,
        "unit": how.unit,
        "log": metric == PERPLEXITY,
    }


def _cells(source: Source) -> list[Json]:
    cells: dict[tuple[str, ...], Json] = {}
    for row in source.metrics.itertuples(index=False):
        key = (row.protocol, row.model, row.method, row.target, row.seed)
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = {
                "protocol": row.protocol, "model": row.model, "method": row.method, "family": row.family,
                "origin": row.origin, "target": row.target, "seed": int(row.seed), "status": "ok", "reason": "",
                "note": "", "values": {}, "failures": {}, "costs": {}, "spans": {}, "texts": [],
            }  # fmt: skip
        _add(cell, row)
    return list(cells.values())


def _add(cell: Json, row: Any) -> None:
    """Put one row of `metrics.csv` into its cell."""
    name = f"{row.metric}/{row.dataset}"
    cell["status"], cell["reason"] = worst([(cell["status"], cell["reason"]), (row.status, row.reason)])
    if row.metric in METRICS:
        if row.number == row.number:
            measured = cell["values"].setdefault(name, [None] * 7)
            measured[:4] = [_short(row.number), _short(row.low), _short(row.high), _short(row.items)]
        if row.status != "ok":
            cell["failures"][name] = [row.status, row.reason]
    elif row.metric == RANK:
        if row.number == row.number and row.dataset not in cell["failures"]:
            cell["values"].setdefault(row.dataset, [None] * 7)[4:] = [
                int(row.number), *(_short(place) for place in (row.low, row.high))
            ]  # fmt: skip
    elif row.metric == CONTINUATION:
        if row.status == "ok":
            cell["texts"].append([row.dataset, row.value])
    elif isfinite(row.number):
        cell["costs"][name.rstrip("/")] = _short(row.number)
        if row.low == row.low:
            cell["spans"][name.rstrip("/")] = [_short(row.low), _short(row.high)]
        if row.metric == "sparsity":
            cell["note"] = row.reason if row.status == "ok" else ""


def _short(number: float) -> float | int | None:
    """Six digits are more than the page shows; JSON has neither NaN nor infinity."""
    if not isfinite(number):
        return None
    rounded = float(f"{number:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _all(cells: Iterable[Json], column: str) -> set[str]:
    return {cell[column] for cell in cells}
