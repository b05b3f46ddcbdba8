"""A project folder with registries whose sources need not exist: enough to load configs and build DAGs."""

from pathlib import Path
from typing import Any

import yaml

MODELS = {
    "one": {"title": "One", "source": {"kind": "local", "path": "one"}},
    "two": {"title": "Two", "source": {"kind": "local", "path": "two"}},
}
TEXTS = {
    name: {
        "title": name,
        "domain": name,
        "format": "lines",
        "source": {"kind": "local", "path": name},
    }
    for name in ("web", "wiki")
}
TASKS = {
    "piqa": {
        "title": "PIQA",
        "format": "arrow",
        "lm_eval_task": "piqa",
        "split": "validation",
        "source": {"kind": "local", "path": "piqa"},
    }
}
PROTOCOLS = {
    "small": {
        "title": "Small",
        "calibration": {"text": "web", "nsamples": 2, "seqlen": 16},
        "perplexity": {"texts": ["wiki"], "window": 16},
    }
}
METHODS = {"alpha": ["unstructured", "n:m"], "beta": ["structured"], "dense": ["dense"]}


def write_project(root: Path) -> dict[str, Any]:
    """Write registries and methods below `root`; the config for them, with absolute paths."""
    (root / "methods").mkdir(parents=True)
    for name, patterns in METHODS.items():
        header = {"title": name, "family": "test", "patterns": patterns, "group": "row"}
        header |= {"params": {"power": 1.0, "mode": "fast"}, "choices": {"mode": ["fast", "slow"]}}
        code = f"METHOD = {header!r}\n\n\ndef score(weight, inputs, power, mode):\n    return weight.abs() ** power\n"
        (root / "methods" / f"{name}.py").write_text(code)
    registry = {"models": MODELS, "data": {"texts": TEXTS, "tasks": TASKS}, "protocols": PROTOCOLS}
    for name, content in registry.items():
        (root / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return {
        "protocol": "small",
        "models": ["one", "two"],
        "methods": ["alpha", "beta"],
        "targets": ["u50", "n2m4", "s20"],
        "zeroshot_tasks": ["piqa"],
        "method_paths": [str(root / "methods")],
        "registry": {name: str(root / f"{name}.yaml") for name in registry},
    }
