"""A made-up paper with texts, tasks, sizes and speeds, and a hand-made run of it."""

from typing import Any

FULL = "fast@lora=8000"
TASKS = {"piqa": "acc_norm", "boolq": "acc"}
LAYOUT: dict[str, Any] = {
    "title": "A structured paper",
    "cite": "Nobody, 2021",
    "protocols": ["exact"],
    "stand_in_methods": {FULL: "fast@lora=8"},
    "stand_in_data": {"ptb": "other"},
    "tables": {
        "accuracies": {
            "title": "Table 1",
            "caption": "Texts and tasks",
            "reference": {"file": "table1.csv", "percent": True},
            "cell": {"model": "real"},
            "tasks": TASKS,
            "stubs": ["Method"],
            "rows": [
                {"stubs": ["Dense"], "method": "dense", "target": "u00"},
                {"stubs": ["Fast"], "method": "fast", "target": "s20"},
                {"stubs": ["Fast, tuned"], "method": FULL, "target": "s20"},
                {"stubs": ["Elsewhere"], "method": "copied@from=there", "target": "s20", "published_only": True},
            ],
            "columns": [
                {"title": "Main", "metric": "perplexity", "dataset": "main"},
                {"title": "PTB", "metric": "perplexity", "dataset": "ptb"},
                {"title": "PIQA", "metric": "acc_norm", "dataset": "piqa"},
                {"title": "BoolQ", "metric": "acc", "dataset": "boolq"},
                {"title": "Ave", "metric": "average"},
            ],
        },
        "sizes": {
            "title": "Table 2",
            "caption": "Sizes",
            "reference": {"file": "table1.csv", "percent": True},
            "cell": {"model": "real", "method": "fast"},
            "stubs": ["Ratio"],
            "rows": [{"stubs": ["20%"], "target": "s20"}, {"stubs": ["30%"], "target": "s30"}],
            "columns": [
                {"title": name, "metric": name}
                for name in ("parameters", "effective_sparsity", "flops", "decode_tokens_per_second", "prune_seconds")
            ],
        },
    },
    "figures": {
        "samples": {
            "title": "Figure 1",
            "caption": "Accuracy against samples",
            "model": "real",
            "axis": {"title": "samples", "values": [4, 8], "log": True},
            "metric": "average",
            "tasks": TASKS,
            "panels": [{"series": [{"title": "20%", "method": "fast@lora={x}", "target": "s20"}]}],
        },
        "losses": {
            "title": "Figure 2",
            "caption": "Losses",
            "model": "real",
            "axis": {"title": "steps", "values": [1, 2]},
            "metric": "train_loss",
            "dataset": "{x}",
            "panels": [{"series": [{"title": "20%", "method": FULL, "target": "s20"}]}],
        },
    },
    "claims": [
        {
            "claim": "Fast beats slow",
            "where": "here",
            "order": "fast > slow",
            "models": ["real"],
            "targets": ["s20"],
            "metric": "average",
            "tasks": TASKS,
            "references": [{"file": "table1.csv", "percent": True}],
        }
    ],
}
PUBLISHED = """model,method,target,metric,dataset,published
real,dense,u00,perplexity,main,10.0
real,fast,s20,perplexity,main,20.0
real,fast,s20,perplexity,ptb,40.0
real,fast,s20,acc_norm,piqa,80.00 (95%)
real,fast,s20,acc,boolq,60.0%
real,fast,s20,average,,70.00
real,slow,s20,average,,71.00
real,fast@lora=8000,s20,perplexity,main,12.0
real,copied@from=there,s20,acc,boolq,55.5
real,dense,u00,decode_tokens_per_second,,12.5
real,fast,s20,effective_sparsity,,20.0%
real,fast,s20,flops,,1.18e+13 (1.15x)
real,fast,s20,decode_tokens_per_second,,20.0
real,fast,s20,prune_seconds,,10 ± 2
real,fast,s20,parameters,,6.7B
"""
Rows = list[tuple[Any, ...]]
ROWS: Rows = [  # model, method, target, metric, dataset, value, status, reason
    ("real", "dense", "u00", "perplexity", "main", 10.0, "ok", ""),
    ("real", "dense", "u00", "parameters", "", 1000, "ok", ""),
    ("real", "dense", "u00", "decode_tokens_per_second", "", 15.0, "ok", ""),
    ("real", "fast", "s20", "perplexity", "main", 25.0, "ok", ""),
    ("real", "fast", "s20", "perplexity", "other", 50.0, "ok", ""),
    ("real", "fast", "s20", "acc_norm", "piqa", 0.4, "ok", ""),
    ("real", "fast", "s20", "acc", "piqa", 0.9, "ok", ""),
    ("real", "fast", "s20", "acc", "boolq", 0.6, "ok", ""),
    ("real", "fast", "s20", "acc", "mean", 0.75, "ok", ""),
    ("real", "fast", "s20", "parameters", "", 900, "ok", ""),
    ("real", "fast", "s20", "flops", "", 1.5e13, "ok", ""),
    ("real", "fast", "s20", "decode_tokens_per_second", "", 30.0, "ok", ""),
    ("real", "fast", "s20", "decode_speedup", "", 0.5, "ok", ""),
    ("real", "dense", "u00", "decode_speedup", "", 1.0, "ok", ""),
    ("real", "fast", "s20", "prune_seconds", "", 12.0, "ok", ""),
    ("real", "fast", "s30", "parameters", "", "", "oom", "too large"),
    ("real", "fast@lora=8", "s20", "perplexity", "main", 15.0, "ok", ""),
    ("real", "fast@lora=8", "s20", "acc_norm", "piqa", 0.5, "ok", ""),
    ("real", "fast@lora=8", "s20", "acc", "boolq", "", "error", "no items"),
    ("real", "fast@lora=8", "s20", "train_loss", "1", 3.0, "ok", ""),
    ("real", "fast@lora=8", "s20", "train_loss", "2", 2.5, "ok", ""),
    ("real", "fast@lora=4", "s20", "acc_norm", "piqa", 0.3, "ok", ""),
    ("real", "fast@lora=4", "s20", "acc", "boolq", 0.7, "ok", ""),
    ("real", "slow", "s20", "acc_norm", "piqa", 0.2, "ok", ""),
    ("real", "copied@from=there", "s20", "acc", "boolq", 0.9, "ok", ""),
]
