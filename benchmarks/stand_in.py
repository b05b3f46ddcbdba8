"""A project of any size on disk, for measuring what handles its files: nothing in it was pruned or evaluated.

Assets, tokens and patches are stand-ins of a few bytes with real manifests. Records are made up, with as much in each
as the default run's have, and saved as a run saves them; losses of a window or a question are shared by all methods up
to the damage of the pruning, so that intervals and paired tests have something real to work on.
"""

from contextlib import chdir
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
import yaml
from safetensors.numpy import save

from prunebench.config.grid import Cell, expand
from prunebench.config.load import load_config
from prunebench.config.schema import Kind
from prunebench.config.strict import read_yaml
from prunebench.data.tokens import write_ids
from prunebench.files import sha256_file, write_text
from prunebench.layout import MODEL as MODEL_FILE
from prunebench.layout import TASK, TEXT, Sweep
from prunebench.results.expected import TIMED, expected_pairs
from prunebench.results.records import (
    CellId,
    Cost,
    EvaluationRecord,
    Measurement,
    PruneRecord,
    Sparsity,
    Status,
    save_record,
)
from prunebench.sealed import write_sealed_json
from prunebench.sweeps import keys
from prunebench.targets import Target

CHECKOUT = Path(__file__).parents[1]
MODELS = ("smollm2-135m", "opt-tiny", "gpt2-tiny", "opt-125m", "gpt2")
METHODS = ("random", "magnitude", "wanda", "sparsegpt", "stade", "stade_nobias", "ria", "std")
TARGETS = ("u10", "u20", "u30", "u40", "u50", "u60", "u70", "n1m4", "n2m4", "n4m8")
SEEDS = 5
TASKS = ("piqa", "arc_easy", "hellaswag")
WINDOWS, QUESTIONS, WORDS, TURNS = 8, 32, 20, 9

_SHARED = ("config", "methods")  # used from the checkout
_WORDS = ("a", "place", "where", "students", "learn", "about", "the", "world", "and", "its", "history", ",", "$", "ing")
_DAMAGE = {"random": 6.0, "magnitude": 2.2, "sparsegpt": 0.7}  # relative to Wanda's
_PROVENANCE = {
    "prunebench": "0.1.0", "git_sha": "0" * 40, "git_dirty": False, "lock_sha256": "0" * 64, "python": "3.11.2",
    "torch": "2.13.0", "transformers": "5.23.0", "lm_eval": "0.4.13", "snakemake": "9.27.1", "cpu": "none: made up",
    "cores": 2, "os": "Linux 6.1 x86_64", "threads": 1, "device": "cpu", "gpu": None, "dtype": "bfloat16",
}  # fmt: skip
# One in so many cells; a pruning's reason differs from cell to cell, as messages with numbers in them do.
_FAILED: tuple[tuple[int, Status, str], ...] = (
    (50, "error", "LinAlgError: the Hessian of block {} is not positive definite"),
    (90, "timeout", "took longer than limits.cell_minutes = 60"),
    (130, "rejected", "pruned 49.{} % of model.layers.3.mlp.up_proj instead of 50 %"),
    (170, "na", "no bias to prune"),
)


def make_config(variants: int = 5, seeds: int = SEEDS, **changes: Any) -> dict[str, Any]:
    """The default run's config with a grid of 5 models, 8 methods in `variants` variants, targets and seeds.

    As it is, that makes 10,000 cells, and a dense one per model.
    """
    methods = [f"{name}@nsamples={n}" for name in METHODS for n in range(1, variants + 1)]
    grid = {"models": list(MODELS), "methods": methods, "targets": list(TARGETS), "seeds": list(range(seeds))}
    return {**read_yaml(CHECKOUT / "config/config.yaml"), "zeroshot_tasks": list(TASKS), **grid, **changes}


class Project:
    """A working directory for the checkout's Snakefile."""

    def __init__(self, root: Path, mapping: dict[str, Any]) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        for name in _SHARED:
            (root / name).symlink_to(CHECKOUT / name)
        self.configure(mapping)

    def configure(self, mapping: dict[str, Any]) -> None:
        """Give it another config."""
        write_text(self.root / "run.yaml", yaml.safe_dump(mapping))
        with chdir(self.root):
            self.config = load_config(mapping)

    def command(self, python: str, *arguments: str) -> list[str]:
        """The command line that runs Snakemake here."""
        files = ("-s", str(CHECKOUT / "Snakefile"), "--configfile", "run.yaml")
        return [python, "-m", "snakemake", *files, "--cores", "2", *arguments]

    def fill(self) -> None:
        """Put there everything that a finished run leaves under `results/`, but for what is collected from it."""
        cells = expand(self.config).cells
        with chdir(self.root):
            self._write_inputs({cell.sweep for cell in cells})
            pruned: dict[Sweep, dict[str, str]] = {}
            evaluated: dict[tuple[str, Kind], dict[str, str]] = {}
            for cell in cells:
                if cell.sweep not in pruned:
                    pruned[cell.sweep] = keys.prune_key(self.config, cell.sweep, "")
                for kind in cell.kinds:
                    if (cell.sweep.model, kind) not in evaluated:
                        evaluated[cell.sweep.model, kind] = keys.evaluation_key(self.config, cell.sweep, kind, "")
                by_kind = {kind: evaluated[cell.sweep.model, kind] for kind in cell.kinds}
                _write_cell(cell, pruned[cell.sweep], by_kind)
            for record in Path("results/cells").rglob("*.json"):
                record.touch()  # as after a run: no evaluation is older than a patch of its sweep

    def _write_inputs(self, sweeps: set[Sweep]) -> None:
        config, protocol = self.config, self.config.protocol_spec
        texts = {protocol.calibration.text, *protocol.perplexity.texts}
        for path, names in ((MODEL_FILE, config.models), (TEXT, texts), (TASK, config.zeroshot_tasks)):
            for name in names:
                write_sealed_json(Path(path.format(model=name, text=name, task=name)), {"files": {"content": name}})
        ids = torch.zeros((protocol.calibration.nsamples, 1), dtype=torch.int32)
        for sweep in sweeps:
            for file in (keys.calibration_path(sweep), *(keys.windows_path(sweep, text) for text in texts)):
                write_ids(file, ids, {})


def _write_cell(cell: Cell, pruned: dict[str, str], evaluated: dict[Kind, dict[str, str]]) -> None:
    sweep, target, chance = cell.sweep, Target.parse(cell.target), _chance(cell.sweep.path, cell.target)
    patch = sweep.patch(cell.target)
    patch.parent.mkdir(parents=True, exist_ok=True)
    patch.write_bytes(save({"stands in": np.array([crc32(f"{sweep.path}/{cell.target}".encode())])}))
    status, reason = _fate(chance) if target.sparsity else ("ok", "")
    common: dict[str, Any] = {
        "cell": CellId(model=sweep.model, method=sweep.method, target=cell.target, seed=sweep.seed,
                       protocol=sweep.protocol),
        "provenance": _PROVENANCE,
    }  # fmt: skip
    blocks = [target.sparsity] * 30
    prune = PruneRecord(
        **common, status=status, reason=reason, key={**pruned, "target": cell.target}, cost=_cost(chance),
        sparsity=Sparsity(target=target.sparsity, measured=target.sparsity, newly=target.sparsity, blocks=blocks)
        if status == "ok" else None,
        patch_sha256=sha256_file(patch),
        notes=["damping raised to 0.1 in 2 layers"] if chance.random() < 0.05 else [],
    )  # fmt: skip
    save_record(sweep.prune_record(cell.target), prune)
    for kind, key in evaluated.items():
        became, why, found = status, reason, []
        if status == "ok":
            found = _MEASURE[kind](cell, chance)
            if target.sparsity and chance.random() < 0.01:
                became, why, found = "oom", "more than 4.0 GB of memory", []
            elif any(m.metric == "perplexity" and (m.value or 0) > np.exp(20) for m in found):
                became, why = "diverged", "the loss is above 20 nats per token"
        record = EvaluationRecord(
            **common, status=became, reason=why, key={**key, "patch": prune.patch_sha256}, cost=_cost(chance),
            kind=kind, measurements=found,
        )  # fmt: skip
        save_record(sweep.evaluation_record(cell.target, kind), record)


def _chance(*words: object) -> np.random.Generator:
    return np.random.default_rng(crc32("/".join(map(str, words)).encode()))


def _fate(chance: np.random.Generator) -> tuple[Status, str]:
    for rarity, status, reason in _FAILED:
        if chance.integers(rarity) == 0:
            return status, reason.format(chance.integers(30))
    return "ok", ""


def _cost(chance: np.random.Generator) -> Cost:
    return Cost(seconds=4 + 20 * chance.random(), peak_host_bytes=int(1e9 * (1 + chance.random())))


def _damage(cell: Cell) -> float:
    name, _, variant = cell.sweep.method.partition("@")
    of_variant = 0.95 + 0.1 * _chance(variant).random()
    sparsity = Target.parse(cell.target).sparsity
    return 1.5 * sparsity**2 * _DAMAGE.get(name, 1.0) * of_variant * (6 if sparsity > 0.65 else 1)


def _perplexity(cell: Cell, chance: np.random.Generator) -> list[Measurement]:
    found = []
    for text in ("wiki-sample", "sotu-recent"):
        windows = _chance(cell.sweep.model, text).normal(3.3, 0.15, size=WINDOWS)
        damage = _damage(cell)
        items = windows + damage + chance.normal(0, 0.01 + 0.04 * damage, size=WINDOWS) * (damage > 0)
        value = float(np.exp(items.mean()))
        found.append(Measurement(metric="perplexity", dataset=text, value=value, items=items.tolist()))
    return found


def _zeroshot(cell: Cell, chance: np.random.Generator) -> list[Measurement]:
    found = []
    for task in TASKS:
        ease = _chance(cell.sweep.model, task).random(QUESTIONS)
        skill = 0.25 + 0.4 * np.exp(-_damage(cell))
        for metric in ("acc", "acc_norm"):
            items = (ease + chance.normal(0, 0.12, size=QUESTIONS) < skill).astype(float)
            found.append(Measurement(metric=metric, dataset=task, value=items.mean(), items=items.tolist()))
    return found


def _generation(cell: Cell, chance: np.random.Generator) -> list[Measurement]:
    text = " ".join(_WORDS[place] for place in chance.integers(len(_WORDS), size=WORDS))
    return [Measurement(metric="continuation", dataset="University is", text=f"University is {text}")]


def _speed(cell: Cell, chance: np.random.Generator) -> list[Measurement]:
    found = []
    for metric, dataset in expected_pairs(["speed"])["speed"]:
        items = chance.normal(1, 0.1, size=TURNS).tolist() if metric in TIMED else []
        found.append(Measurement(metric=metric, dataset=dataset, value=float(np.median(items or 1e9)), items=items))
    return found


_MEASURE = {"perplexity": _perplexity, "zeroshot": _zeroshot, "generation": _generation, "speed": _speed}
