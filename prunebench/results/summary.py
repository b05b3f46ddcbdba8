"""`provenance.json`: what a whole run was made with and what became of it, gathered from its records."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prunebench.plugins.description import Description, variant_title
from prunebench.results.cells import CellResult
from prunebench.results.entries import cell_entries
from prunebench.sweeps.keys import DATASET

if TYPE_CHECKING:
    import pandas as pd

# Worst first: a cell with several failed evaluations is counted under the first of these it has.
SEVERITY: tuple[str, ...] = ("rejected", "error", "oom", "timeout", "diverged", "na", "ok")

_CELL = ("protocol", "model", "method", "target", "seed")

Outcome = tuple[str, str]  # status and reason


def summarise(
    results: Sequence[CellResult],
    frame: "pd.DataFrame",
    methods: Mapping[str, Description],
    models: Mapping[str, str] | None = None,
    datasets: Mapping[str, str] | None = None,
    protocols: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The run in numbers and hashes, as JSON.

    Args:
        results: the cells with their records.
        frame: their rows (`collect`).
        methods: by name without variant.
        models, datasets: titles by name.
        protocols: by name, the settings as JSON with a `title`.

    Returns:
        `statuses` (cells by status), `seconds` (wall time by step, summed over cells), `protocols`, the lists
        `models`, `methods` and `datasets` in the order of `results` (name, title and the digests the records
        were made from), `environments`: each distinct provenance of a record with the number of `records`
        made in it, and `cells` and `keys` (`entries.cell_entries`).
    """
    records = [record for result in results for record in (result.prune, *result.evaluations.values())]
    environments = Counter(_frozen(record.provenance) for record in records if record.provenance)
    numbers = {environment: number for number, environment in enumerate(sorted(environments, key=str))}
    cells, keys = cell_entries(results, lambda provenance: numbers.get(_frozen(provenance)))
    seconds: dict[str, float] = defaultdict(float)
    for result in results:
        seconds["prune"] += result.prune.cost.seconds
        for kind, record in result.evaluations.items():
            seconds[kind] += record.cost.seconds
    return {
        "cells": cells,
        "keys": keys,
        "statuses": cell_statuses(frame),
        "seconds": {step: round(total, 1) for step, total in seconds.items()},
        "protocols": {name: dict((protocols or {}).get(name, {})) for name in {r.sweep.protocol for r in results}},
        "models": [
            {"name": name, "title": (models or {}).get(name, name), "digests": digests}
            for name, digests in _digests((r.sweep.model, r.prune.key.get("model")) for r in results).items()
        ],
        "methods": [
            {"name": name, "digests": digests, **_described(name, methods)}
            for name, digests in _digests((r.sweep.method, r.prune.key.get("method")) for r in results).items()
        ],
        "datasets": [
            {"name": name, "title": (datasets or {}).get(name, name), "digests": digests}
            for name, digests in _digests(_datasets(results)).items()
        ],
        "environments": [{"records": environments[environment], **dict(environment)} for environment in numbers],
    }


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The first of the worst of statuses with reasons."""
    return min(outcomes, key=lambda outcome: SEVERITY.index(outcome[0]))


def cell_statuses(frame: "pd.DataFrame") -> dict[str, int]:
    """How many cells ended how: a cell's status is the worst of its rows."""
    places = frame["status"].map(SEVERITY.index)
    counts = Counter(places.groupby([frame[name] for name in _CELL]).min())
    return {status: counts[place] for place, status in enumerate(SEVERITY) if counts[place]}


def cell_status(result: CellResult) -> str:
    """The worst status of the cell's records."""
    return worst([result.outcome(), *map(result.outcome, result.evaluations)])[0]


def _frozen(provenance: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The provenance as something that can be counted: nested values as JSON text."""
    plain = (str, int, float, bool, type(None))
    return tuple(
        (name, value if isinstance(value, plain) else json.dumps(value, sort_keys=True))
        for name, value in sorted(provenance.items())
    )


def _described(method: str, methods: Mapping[str, Description]) -> dict[str, str]:
    found = methods[method.partition("@")[0]]
    return {"title": variant_title(method, methods), "cite": found.cite, "cause": found.cause}


def _datasets(results: Iterable[CellResult]) -> Iterator[tuple[str, str]]:
    """Texts, tasks and prompts with their digests; those of different models differ like their tokens."""
    for result in results:
        for record in result.evaluations.values():
            for name, digest in record.key.items():
                if name.startswith(DATASET):
                    yield name.removeprefix(DATASET), digest


def _digests(found: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    """By name, in the order they come, the distinct digests."""
    digests: dict[str, set[str]] = {}
    for name, digest in found:
        digests.setdefault(name, set()).update({digest} if digest else ())
    return {name: sorted(distinct) for name, distinct in digests.items()}
