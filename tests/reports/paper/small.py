"""A made-up paper and a hand-made run, small enough to know every cell of its tables by heart."""

import csv
from pathlib import Path
from typing import Any

import yaml

from prunebench.files import sha256_file
from prunebench.results.rows import COLUMNS
from prunebench.sealed import write_sealed_json

LAYOUT: dict[str, Any] = {
    "title": "A small paper",
    "cite": "Nobody, 2020",
    "protocols": ["exact"],
    "stand_in": {"big-llama": "small", "huge-llama": "small"},
    "tables": {
        "table1": {
            "title": "Table 1",
            "caption": "Perplexity.",
            "reference": {"file": "table1.csv", "draft": "second"},
            "cell": {"metric": "perplexity"},
            "stubs": ["Level"],
            "notes": ["Remark"],
            "rows": [
                {"stubs": ["0%"], "method": "dense", "target": "u00", "notes": ["unpruned"]},
                {"stubs": ["50%"], "method": "wanda", "target": "u50", "notes": ["half"], "line": True},
                {"stubs": ["70%"], "method": "wanda", "target": "u70", "notes": [""]},
            ],
            "columns": [
                {"title": "Big", "group": "Llama", "model": "big-llama"},
                {"title": "Huge", "group": "Llama", "model": "huge-llama"},
                {"title": "Measured", "group": "", "model": "real"},
            ],
        },
        "words": {"title": "Table 2", "caption": "Definitions", "stubs": ["a", "b"], "rows": [{"stubs": ["x", "|W|"]}]},
        "mixed": {
            "title": "Table 3",
            "caption": "Everything else",
            "cell": {"model": "real"},
            "levels": ["u50", "u70"],
            "stubs": ["Method"],
            "notes": ["Why"],
            "rows": [
                {"stubs": ["Wanda"], "method": "wanda", "notes": ["{cause}"]},
                {"stubs": ["Broken"], "method": "broken", "notes": ["{reason}"]},
            ],
            "written": {"stubs": ["{name}: {title}"], "notes": ["{reason}"]},
            "columns": [
                {"title": "Score", "metric": "score"},
                {"title": "Status", "metric": "status", "target": "u50"},
                {"title": "Seconds", "metric": "prune_seconds", "target": "u50"},
                {"title": "Text", "metric": "continuation", "target": "u50"},
                {"title": "Accuracy", "metric": "acc", "target": "u50"},
            ],
        },
    },
    "figures": {
        "figure1": {
            "title": "Figure 1",
            "caption": "Curves",
            "model": "real",
            "targets": ["u50", "u70"],
            "references": [{"file": "table1.csv", "draft": "second"}],
            "panels": [{"series": [{"title": "Wanda", "method": "wanda"}]}],
        }
    },
    "claims": [
        {
            "claim": "Wanda beats random pruning",
            "where": "Section 1",
            "order": "wanda < random",
            "models": ["real", "big-llama"],
            "targets": ["u50", "u70", "u90"],
            "references": [{"file": "table1.csv", "draft": "second"}],
        }
    ],
}
PUBLISHED = """draft,model,method,target,metric,published
first,real,wanda,u50,perplexity,NA
second,big-llama,dense,u00,perplexity,5.68
second,big-llama,wanda,u50,perplexity,7.26
second,huge-llama,wanda,u50,perplexity,6.00
second,real,dense,u00,perplexity,10.0
second,real,wanda,u50,perplexity,20.0
second,real,wanda,u70,perplexity,NA
second,real,random,u50,perplexity,15.0
"""
ROWS: list[tuple[Any, ...]] = [  # model, method, target, metric, dataset, value, status, reason
    ("real", "dense", "u00", "perplexity", "main", 10.0, "ok", ""),
    ("real", "dense", "u00", "perplexity", "other", 99.0, "ok", ""),
    ("real", "wanda", "u50", "perplexity", "main", 25.0, "ok", ""),
    ("real", "wanda", "u50", "prune_seconds", "", 12.5, "ok", ""),
    ("real", "wanda", "u50", "acc", "mean", 0.5, "ok", ""),
    ("real", "wanda", "u50", "acc", "piqa", 0.1, "ok", ""),
    ("real", "wanda", "u50", "continuation", "University is", "University is closed", "ok", ""),
    ("real", "wanda", "u50", "rank", "perplexity/main", 1, "ok", ""),
    ("real", "wanda", "u70", "perplexity", "main", 3e8, "diverged", "worse than guessing"),
    ("real", "random", "u50", "perplexity", "main", 1000.0, "ok", ""),
    ("real", "random", "u50", "rank", "perplexity/main", 1, "ok", ""),
    ("real", "random", "u70", "perplexity", "main", 1000.0, "ok", ""),
    ("real", "broken", "u50", "perplexity", "main", "", "timeout", "stopped after 60 minutes"),
    ("real", "broken", "u70", "perplexity", "main", "", "error", "ValueError: no"),
    ("real", "llm_a_0", "u50", "perplexity", "main", "", "rejected", "returned no weight"),
    ("small", "dense", "u00", "perplexity", "main", 30.0, "ok", ""),
    ("small", "wanda", "u50", "perplexity", "main", 40.0, "ok", ""),
]


def write_paper(folder: Path, layout: dict[str, Any] | None = None, published: str = PUBLISHED) -> Path:
    """The paper's folder."""
    (folder / "reference").mkdir(parents=True)
    (folder / "tables.yaml").write_text(yaml.safe_dump(layout or LAYOUT, sort_keys=False), encoding="utf-8")
    (folder / "reference" / "table1.csv").write_text(published, encoding="utf-8")
    return folder


def write_run(folder: Path, rows: list[tuple[Any, ...]] | None = None, protocol: str = "exact") -> tuple[Path, Path]:
    """`metrics.csv` and `provenance.json` of a run with those rows, which may end with an interval."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics, provenance = folder / "metrics.csv", folder / "provenance.json"
    names = ("model", "method", "target", "metric", "dataset", "value", "status", "reason", "ci_low", "ci_high")
    with metrics.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows or ROWS:
            cell = dict(zip(names, row, strict=False))
            origin = "llm" if cell["method"].startswith("llm_") else "human"
            writer.writerow({**cell, "origin": origin, "protocol": protocol, "seed": 0, "sparsity": 0.5})
    run = {
        "protocols": {protocol: {"perplexity": {"texts": ["main", "other"]}}},
        "models": [{"name": "small", "title": "Small model"}, {"name": "real", "title": "Real model"}],
        "methods": [
            {"name": "wanda", "title": "Wanda", "cause": "it ran"},
            {"name": "llm_a_0", "title": "A {reason}", "cause": ""},
        ],
    }
    write_sealed_json(provenance, {**run, "metrics_sha256": sha256_file(metrics)})
    return metrics, provenance
