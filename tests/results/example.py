"""A made-up but lifelike run: records of a small grid on disk, with failures of every kind.

Losses of a window or a question are shared by all methods up to the damage of the pruning, so paired tests
and intervals have something real to work on.
"""

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

from prunebench.config.grid import Cell
from prunebench.layout import Sweep
from prunebench.plugins.description import Description
from prunebench.results.cells import load_cells
from prunebench.results.collect import collect
from prunebench.results.expected import expected_pairs
from prunebench.results.gates import gated
from prunebench.results.records import Cost, EvaluationRecord, Measurement, PruneRecord, Sparsity, save_record
from prunebench.results.summary import summarise
from prunebench.targets import Target

PROTOCOL = "laptop-512"
MODELS = {"smollm2-135m": (2.95, "SmolLM2 135M"), "opt-tiny": (4.2, "OPT tiny, trained here")}
METHODS = {  # title, family, damage relative to Wanda's
    "dense": ("Dense", "control", 0.0),
    "random": ("Random", "control", 6.0),
    "magnitude": ("Magnitude", "unstructured", 2.2),
    "wanda": ("Wanda", "unstructured", 1.0),
    "sparsegpt": ("SparseGPT", "unstructured", 0.7),
    "stade": ("STADE", "unstructured", 0.98),
    "stade_nobias": ("STADE without bias", "unstructured", 1.0),
}
TARGETS = ("u50", "u60", "u70", "n2m4")
TEXTS = ("wiki-sample", "sotu-recent")
TASKS = ("piqa", "arc_easy", "hellaswag")
KINDS = ("perplexity", "zeroshot", "generation")
PROMPT = "University is"
WINDOWS, QUESTIONS = 10, 40
FAILURES = {  # (model, method, target): status and reason of the pruning, or of one kind of evaluation
    ("smollm2-135m", "magnitude", "u70", "perplexity"): ("diverged", "perplexity 2.1e+07 on wiki-sample"),
    ("smollm2-135m", "stade", "n2m4", None): (
        "rejected", "pruned 49.2 % of model.layers.3.mlp.up_proj instead of 50 %"),
    ("opt-tiny", "sparsegpt", "u70", None): ("error", "LinAlgError: the Hessian of block 4 is not positive definite"),
    ("opt-tiny", "random", "n2m4", None): ("timeout", "stopped after 60 minutes"),
    ("opt-tiny", "stade_nobias", "u50", "zeroshot"): ("oom", "more than 4.0 GB of memory"),
    ("opt-tiny", "stade", "u60", None): ("na", "no bias to prune"),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Where the records are and what `collect` needs besides."""

    root: Path
    cells: list[Cell]
    methods: dict[str, Description]

    @property
    def expected(self):
        return expected_pairs(KINDS, TEXTS, TASKS, PROMPT)

    def results(self, references=None):
        return gated(load_cells(self.root, self.cells), references)

    def collect(self, references=None) -> pd.DataFrame:
        return collect(self.results(references), self.methods, self.expected)

    def summary(self):
        return summarise(
            self.results(), self.collect(), self.methods,
            {name: title for name, (_, title) in MODELS.items()}, protocols={
                PROTOCOL: {"title": "Small enough for a laptop", "perplexity": {"window": 512, "max_windows": 10}}
            },
        )  # fmt: skip


def make_run(root: Path, methods=tuple(METHODS), targets=TARGETS, models=tuple(MODELS), seeds=(0,)) -> Run:
    """Write the records of every cell under `root`."""
    cells = []
    for model in models:
        for method in methods:
            for seed in seeds[:1] if method == "dense" else seeds:
                for target in ("u00",) if method == "dense" else targets:
                    cells.append(Cell(Sweep(PROTOCOL, model, method, seed), target, KINDS))
    for cell in cells:
        _write_cell(root, cell)
    return Run(root, cells, {name.partition("@")[0]: described(name) for name in methods})


def described(name: str) -> Description:
    title, family, _ = METHODS.get(name, (name.capitalize(), "unstructured", 1.0))
    return Description(title, family, "human", f"{name}2024")


def _rng(*words) -> np.random.Generator:
    return np.random.default_rng(crc32("/".join(map(str, words)).encode()))


def _damage(cell: Cell) -> float:
    target = Target.parse(cell.target)
    strength = {"u50": 0.25, "u60": 0.6, "u70": 1.6, "n2m4": 0.5}.get(cell.target, 2 * target.sparsity**2)
    base = cell.sweep.method.partition("@")[0]
    relative = METHODS[base][2] if base in METHODS else 0.6 + 2 * _rng(cell.sweep.method).random()
    return strength * relative if target.sparsity else 0.0


def _write_cell(root: Path, cell: Cell) -> None:
    sweep, target = cell.sweep, Target.parse(cell.target)
    common = {
        "cell": {"model": sweep.model, "method": sweep.method, "target": cell.target, "seed": sweep.seed,
                 "protocol": sweep.protocol},
        "provenance": {"prunebench": "0.1.0", "git_sha": "3d68581f0a", "git_dirty": False, "lock_sha256": "ab" * 32,
                       "python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0", "lm_eval": "0.4.13",
                       "cpu": "Some CPU @ 2.6 GHz", "cores": 2, "os": "Linux 6.1 x86_64", "threads": 1,
                       "device": "cpu", "gpu": None},
    }  # fmt: skip
    key = (sweep.model, sweep.method, cell.target)
    status, reason = FAILURES.get((*key, None), ("ok", ""))
    rng = _rng(*key, sweep.seed)
    sparsity = Sparsity(target=target.sparsity, measured=target.sparsity, newly=target.sparsity, blocks=[])
    prune = PruneRecord(
        **common, status=status, reason=reason, key={"model": f"model-{sweep.model}", "method": f"m-{sweep.method}"},
        cost=Cost(seconds=4 + 3 * rng.random() + 20 * (sweep.method == "sparsegpt"), peak_host_bytes=1_100_000_000),
        sparsity=sparsity if status == "ok" else None,
        notes=["damping raised to 0.1 in 2 layers"] if sweep.method == "sparsegpt" and cell.target == "u60" else [],
    )  # fmt: skip
    save_record(root / sweep.prune_record(cell.target), prune)
    if status != "ok":
        return
    for kind, measure in (("perplexity", _perplexity), ("zeroshot", _zeroshot), ("generation", _generation)):
        status, reason = FAILURES.get((*key, kind), ("ok", ""))
        record = EvaluationRecord(
            **common, status=status, reason=reason, key={f"dataset:{name}": f"d-{name}" for name in TEXTS},
            cost=Cost(seconds=8 * rng.random(), peak_host_bytes=900_000_000), kind=kind,
            measurements=measure(cell, rng) if status in ("ok", "diverged") else [],
        )  # fmt: skip
        save_record(root / sweep.evaluation_record(cell.target, kind), record)


def _perplexity(cell: Cell, rng: np.random.Generator) -> list[Measurement]:
    found = []
    for text in TEXTS:
        level = MODELS.get(cell.sweep.model, (3.5,))[0] + (0.4 if text == "sotu-recent" else 0.0)
        windows = _rng(cell.sweep.model, text).normal(level, 0.12, size=WINDOWS)
        damage = _damage(cell)
        items = windows + damage + rng.normal(0, 0.01 + 0.04 * damage, size=WINDOWS) * (damage > 0)
        if FAILURES.get((cell.sweep.model, cell.sweep.method, cell.target, "perplexity")):
            items = items + 11
        found.append(Measurement(metric="perplexity", dataset=text, value=np.exp(items.mean()), items=items.tolist()))
    return found


def _zeroshot(cell: Cell, rng: np.random.Generator) -> list[Measurement]:
    found = []
    for task in TASKS:
        chance = {"piqa": 0.5}.get(task, 0.25)
        ease = _rng(cell.sweep.model, task).random(QUESTIONS)
        skill = chance + (0.42 - 0.2 * chance) * np.exp(-_damage(cell))
        for metric, shift in (("acc", 0.0), ("acc_norm", 0.03)):
            items = (ease + rng.normal(0, 0.12, size=QUESTIONS) < skill + shift).astype(float)
            found.append(Measurement(metric=metric, dataset=task, value=items.mean(), items=items.tolist()))
    return found


def _generation(cell: Cell, rng: np.random.Generator) -> list[Measurement]:
    words = ("a place where students learn about the world", "and its history from people who care")
    words = " ".join(words).split()
    noise = ["the", "the", ",", ",", "$", "ing", "<unk>", "大学", "\n"]
    broken = min(0.95, _damage(cell) / 2)
    text = " ".join(words[i % len(words)] if rng.random() > broken else str(rng.choice(noise)) for i in range(20))
    return [Measurement(metric="continuation", dataset=PROMPT, text=f"{PROMPT} {text}")]
