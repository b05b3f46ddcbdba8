"""`provenance.json`: what a whole run was made with and what became of it, gathered from its records."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prunebench.plugins.header import Header
from prunebench.results.cells import CellResult
from prunebench.results.records import Status
from prunebench.sweeps.keys import DATASET

# Worst first: a cell with several failed evaluations is counted under the first of these it has.
SEVERITY: tuple[Status, ...] = ("rejected", "error", "oom", "timeout", "diverged", "na", "ok")


def summarise(
    results: Sequence[CellResult],
    headers: Mapping[str, Header],
    models: Mapping[str, str] | None = None,
    datasets: Mapping[str, str] | None = None,
    protocols: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The run in numbers and hashes, as JSON.

    Args:
        results: the cells with their records.
        headers: by method name without variant.
        models, datasets: titles by name.
        protocols: by name, the settings as JSON with a `title`.

    Returns:
        `cells` (count), `statuses` (cells by status), `seconds` (wall time by step, summed over cells),
        `protocols`, `models`, `datasets`, `methods` (titles and the digests the records were made from) and
        `environments`: each distinct provenance of a record with the number of `records` made in it.
    """
    records = [record for result in results for record in (result.prune, *result.evaluations.values())]
    environments = Counter(_frozen(record.provenance) for record in records if record.provenance)
    seconds: dict[str, float] = defaultdict(float)
    for result in results:
        seconds["prune"] += result.prune.cost.seconds
        for kind, record in result.evaluations.items():
            seconds[kind] += record.cost.seconds
    methods = sorted({result.sweep.method for result in results})
    return {
        "cells": len(results),
        "statuses": dict(Counter(cell_status(result) for result in results)),
        "seconds": {step: round(total, 1) for step, total in seconds.items()},
        "protocols": {
            name: dict((protocols or {}).get(name, {})) for name in sorted({r.sweep.protocol for r in results})
        },
        "methods": {name: _method(name, headers, results) for name in methods},
        "models": {
            name: {
                "title": (models or {}).get(name, name),
                "digests": _digests(r.prune.key.get("model") for r in results if r.sweep.model == name),
            }
            for name in sorted({r.sweep.model for r in results})
        },
        "datasets": _datasets(results, datasets or {}),
        "environments": [
            {"records": count, **dict(environment)} for environment, count in sorted(environments.items(), key=str)
        ],
    }


def cell_status(result: CellResult) -> Status:
    """The worst of the cell's statuses."""
    statuses = {result.outcome()[0], *(result.outcome(kind)[0] for kind in result.evaluations)}
    return next(status for status in SEVERITY if status in statuses)


def _frozen(provenance: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value if isinstance(value, str | int | float | bool | None) else str(value))
                 for name, value in sorted(provenance.items()))  # fmt: skip


def _method(name: str, headers: Mapping[str, Header], results: Iterable[CellResult]) -> dict[str, Any]:
    base, _, variant = name.partition("@")
    header = headers.get(base)
    title = header.title if header else base
    return {
        "title": f"{title} ({variant.replace(',', ', ')})" if variant else title,
        "cite": header.cite if header else "",
        "digests": _digests(result.prune.key.get("method") for result in results if result.sweep.method == name),
    }


def _datasets(results: Iterable[CellResult], titles: Mapping[str, str]) -> dict[str, Any]:
    """By text, task or prompt; its digests differ between models, whose tokens differ."""
    digests: dict[str, list[str]] = {}
    for result in results:
        for record in result.evaluations.values():
            for name, digest in record.key.items():
                if name.startswith(DATASET):
                    digests.setdefault(name.removeprefix(DATASET), []).append(digest)
    return {
        name: {"title": titles.get(name, name), "digests": _digests(found)} for name, found in sorted(digests.items())
    }


def _digests(found: Iterable[str | None]) -> list[str]:
    return sorted({digest for digest in found if digest})
