"""A whole project in a temporary folder that the real Snakefile runs in seconds, without any network."""

import copy
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset

from prunebench.layout import METRICS
from prunebench.results.records import PruneRecord, load_record
from tests.sweeps.project import make_model

ROOT = Path(__file__).parents[2]
PROTOCOL = "tiny"
_WORDS = ["the", "state", "of", "our", "union", "is", "strong", "and", "we", "will", "work", "for", "peace"]

_WAITING = """
METHOD = {"title": "Waiting", "family": "test", "patterns": ["unstructured"], "group": "row"}


def score(weight, inputs, layer, target):
    import os, time
    if "layers.0.self_attn.q_proj" in layer.name:
        with open("calls", "a") as file:
            file.write(target.token + " ")
WAIT
    return weight.abs()
"""


def waiting_method(wait: str) -> str:
    """Source of a method that notes each target it is called for in `calls`, in its project, and then runs `wait`."""
    return _WAITING.replace("WAIT", textwrap.indent(wait, " " * 8))


class Project:
    """A working directory with its own registries, models, texts, tasks and methods."""

    def __init__(self, root: Path, methods: tuple[str, ...] = ("magnitude", "wanda")) -> None:
        self.root = root
        (root / "methods").mkdir(parents=True)
        for name in ("dense", *methods):
            shutil.copy(ROOT / "methods" / f"{name}.py", root / "methods")
        self._write_assets()
        self._write_registries()
        self.config: dict[str, Any] = {
            "protocol": PROTOCOL,
            "models": ["tiny-llama"],
            "methods": list(methods),
            "targets": ["u50"],
            "seeds": [0],
            "evaluate": ["perplexity"],
            "zeroshot_tasks": ["piqa"],
            "limits": {"cell_minutes": 2, "memory_gb": None},
            "cells_per_job": 0,
            "threads": 1,
            "keep_patches": True,
            "method_paths": ["methods"],
            "registry": {name: f"{name}.yaml" for name in ("models", "data", "protocols")},
        }

    @classmethod
    def opened(cls, root: Path, config: dict[str, Any]) -> "Project":
        """A project that is there already."""
        project = cls.__new__(cls)
        project.root, project.config = root, copy.deepcopy(config)
        return project

    def _write_assets(self) -> None:
        make_model(self.root / "assets" / "llama")
        (self.root / "assets" / "llama" / "asset.json").unlink()
        chance = random.Random(0)
        lines = [" ".join(chance.choices(_WORDS, k=chance.randint(20, 60))) for _ in range(60)]
        (self.root / "assets" / "speeches.txt").write_text("\n".join(lines) + "\n")
        for task in ("piqa", "piqa-too"):
            items = [
                {"goal": chance.choice(_WORDS), "sol1": chance.choice(_WORDS), "sol2": "peace", "label": number % 2}
                for number in range(6)
            ]
            Dataset.from_list(items).save_to_disk(self.root / "assets" / task / "validation")

    def _write_registries(self) -> None:
        def local(path: str) -> dict[str, str]:
            return {"kind": "local", "path": f"assets/{path}"}

        trained = {
            "kind": "train", "architecture": "opt", "text": "speeches", "vocabulary": 300, "hidden": 32, "layers": 2,
            "heads": 2, "feedforward": 48, "positions": 32, "steps": 2, "batch": 2, "learning_rate": 0.001,
        }  # fmt: skip
        task = {"format": "arrow", "lm_eval_task": "piqa", "split": "validation"}
        text = {"title": "Speeches", "domain": "speeches", "format": "lines", "source": local("speeches.txt")}
        self._yaml("models", {
            "tiny-llama": {"title": "Tiny Llama", "source": local("llama")},
            "tiny-opt": {"title": "Tiny OPT", "source": trained},
        })  # fmt: skip
        self._yaml("data", {
            "texts": {"speeches": text},
            "tasks": {name: {"title": name, "source": local(name), **task} for name in ("piqa", "piqa-too")},
        })  # fmt: skip
        self._yaml("protocols", {
            PROTOCOL: {
                "title": "Tiny",
                "dtype": {"cpu": "float32", "cuda": "float32"},
                "calibration": {"text": "speeches", "nsamples": 2, "seqlen": 16},
                "perplexity": {"texts": ["speeches"], "window": 32, "max_windows": 4, "bos": "none"},
                "zeroshot": {"limit": 4},
                "generation": {"prompt": "University is", "max_new_tokens": 3},
                "speed": {"prompt_tokens": 16, "new_tokens": 2, "repetitions": 7},
            }
        })  # fmt: skip

    def _yaml(self, name: str, content: Any) -> None:
        (self.root / f"{name}.yaml").write_text(yaml.safe_dump(content))

    def method(self, name: str, source: str) -> None:
        """Write a method file."""
        (self.root / "methods" / f"{name}.py").write_text(source)

    def command(self, *arguments: str) -> list[str]:
        """The Snakemake command line; the config is written as it is now."""
        self._yaml("config", self.config)
        program = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--configfile", "config.yaml"]
        return [*program, "--cores", "2", *arguments]

    def snakemake(self, *arguments: str, succeeds: bool = True) -> str:
        """Run Snakemake to its end; what it said, on both streams."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.root, env=environment(), capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, f"exit status {done.returncode}\n{said}"
        return said

    def collect(self) -> str:
        """Run up to `metrics.csv`, without the reports."""
        return self.snakemake(METRICS)

    def records(self) -> dict[str, str]:
        """Digest of every record, by its path below `results/`; a record computed anew has another one.

        Costs are in a record to the microsecond and more, so two computations never make the same bytes.
        """
        return {
            str(path.relative_to(self.root / "results")): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in ("pruned", "cells")
            for path in (self.root / "results" / folder).rglob("*.json")
        }

    def calls(self) -> list[str]:
        """The targets that waiting methods were called for, in order."""
        path = self.root / "calls"
        return path.read_text().split() if path.exists() else []

    def computed(self, before: dict[str, str]) -> set[str]:
        """The records that are new or computed anew since `before` was taken, as `pruned/wanda/u50`, ..."""
        return {_short(path) for path, digest in self.records().items() if before.get(path) != digest}

    def status(self, method: str, target: str, model: str = "tiny-llama") -> tuple[str, str]:
        """Status and reason of a cell's pruning."""
        path = self.root / "results" / "pruned" / PROTOCOL / model / method / "seed0" / f"{target}.json"
        record = load_record(path, PruneRecord)
        assert record is not None, path
        return record.status, record.reason


def _short(path: str) -> str:
    """`pruned/tiny/tiny-llama/wanda/seed0/u50.json` as `pruned/wanda/u50`; other models are named."""
    work, _, model, method, _, *rest = Path(path).with_suffix("").parts
    return "/".join([work, *([] if model == "tiny-llama" else [model]), method, *rest])


def environment() -> dict[str, str]:
    """This process's environment without what a test runner or a user's profile would change."""
    dropped = re.compile(r"SNAKEMAKE_|PYTEST_|COV_")
    return {name: value for name, value in os.environ.items() if not dropped.match(name)}


def job_counts(said: str) -> dict[str, int]:
    """The `Job stats` table of a dry run."""
    table = said[said.index("Job stats:") :].split("\n\n")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, flags=re.MULTILINE)}
