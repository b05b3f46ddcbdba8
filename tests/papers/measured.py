"""A made-up run that has a number wherever a shipped paper shows one, on the models that stand in for the paper's."""

import csv
from collections.abc import Iterator
from pathlib import Path

from prunebench.config.paper import Paper
from prunebench.config.paper_parts import Place
from prunebench.files import sha256_file
from prunebench.results.expected import CONTINUATION, HEAD_DISTANCE, SINGULAR_VALUE
from prunebench.results.rows import COLUMNS
from prunebench.sealed import write_sealed_json

PROTOCOL, TEXT = "laptop-512", "wiki-sample"
_NUMBERS = {"perplexity": 1234.56, "acc": 0.4321, "acc_norm": 0.4321, "parameters": 134515008.0}
_SENTENCE = "University is " + "a place of learning and of many other things besides " * 2


def write_measured(paper: Paper, folder: Path) -> tuple[Path, Path]:
    """`metrics.csv` and `provenance.json` of the run."""
    folder.mkdir(parents=True)
    metrics, provenance = folder / "metrics.csv", folder / "provenance.json"
    rows = {row[:5]: row for place in paper.places for row in _rows(paper, place)}
    names = ("model", "method", "target", "metric", "dataset", "value")
    with metrics.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows.values():
            cell = dict(zip(names, row, strict=True))
            writer.writerow({**cell, "origin": "human", "protocol": PROTOCOL, "seed": 0, "status": "ok"})
    write_sealed_json(provenance, {
        "protocols": {PROTOCOL: {"title": "Laptop", "perplexity": {"texts": [TEXT]}}},
        "models": [{"name": name, "title": f"The model {name} (dequantised)"} for name in {row[0] for row in rows}],
        "methods": [], "cells": [{}] * len(rows), "statuses": {"ok": len(rows)}, "seconds": {"prune": 3600.0},
        "metrics_sha256": sha256_file(metrics),
    })  # fmt: skip
    return metrics, provenance


def _rows(paper: Paper, place: Place) -> Iterator[tuple[str, str, str, str, str, object]]:
    model, quantity = paper.stand_in.get(place.model, place.model), place.quantity
    cell = model, paper.stand_in_methods.get(place.method, place.method), place.target
    for metric, asked in [(metric, task) for task, metric in quantity.tasks] or [(quantity.metric, quantity.dataset)]:
        dataset = paper.stand_in_data.get(asked, asked) or {"perplexity": TEXT, "acc": "mean"}.get(metric, "")
        if metric == SINGULAR_VALUE:
            yield from ((*cell, metric, f"{dataset}@{share}", 10 * share) for share in (0.0, 0.5, 1.0))
        elif metric == HEAD_DISTANCE:
            yield from ((*cell, metric, f"{dataset}:0-{head}", 0.1 * head) for head in range(1, 9))
        elif metric == "effective_sparsity":
            yield (*cell, "parameters", "", _NUMBERS["parameters"])
        else:
            yield (*cell, metric, dataset, _SENTENCE if metric == CONTINUATION else _NUMBERS.get(metric, 12.3))
