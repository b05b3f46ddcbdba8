"""Where every file of a run lies, relative to the project root. The Snakefile and the library share it.

A *sweep* is one job's worth of cells, written `<protocol>/<model>/<method>/seed<seed>` in paths; the
protocol comes first so that numbers of different protocols never overwrite each other.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CONFIG = "config/config.yaml"
MODEL = "results/assets/models/{model}/asset.json"  # beside it: config.json, model.safetensors, tokenizer
TEXT = "results/assets/texts/{text}/asset.json"  # beside it: documents.jsonl
TASK = "results/assets/tasks/{task}/asset.json"  # beside it: task.yaml and the items
CALIBRATION = "results/tokens/{protocol}/{model}/calibration-seed{seed}.safetensors"
RECOVERY = "results/tokens/{protocol}/{model}/recovery-{text}-seed{seed}.safetensors"
WINDOWS = "results/tokens/{protocol}/{model}/windows-{text}.safetensors"
PATCH = "results/pruned/{sweep}/{target}.safetensors"
PRUNE_RECORD = "results/pruned/{sweep}/{target}.json"
EVALUATION_RECORD = "results/cells/{sweep}/{target}/{kind}.json"
METRICS = "results/metrics.csv"
PROVENANCE = "results/provenance.json"
PUBLISHED = "results/published"  # <method>.jsonl, in git: an input of the board and never an output

_SWEEP = re.compile(r"(?P<protocol>[^/]+)/(?P<model>[^/]+)/(?P<method>[^/]+)/seed(?P<seed>\d+)")


@dataclass(frozen=True, order=True)
class Sweep:
    """What one prune or evaluate job works through: one method on one model with one seed.

    `method` is the method with its variant, for example `wanda` or `wanda@nsamples=32`.
    """

    protocol: str
    model: str
    method: str
    seed: int

    @classmethod
    def parse(cls, path: str) -> "Sweep":
        """Read the path form back; the inverse of `path`."""
        match = _SWEEP.fullmatch(path)
        if match is None:
            raise ValueError(f"not a sweep path: {path!r}")
        return cls(match["protocol"], match["model"], match["method"], int(match["seed"]))

    @property
    def path(self) -> str:
        """The sweep as the `{sweep}` part of the paths above."""
        return f"{self.protocol}/{self.model}/{self.method}/seed{self.seed}"

    def patch(self, target: str) -> Path:
        """The cell's patch."""
        return Path(PATCH.format(sweep=self.path, target=target))

    def prune_record(self, target: str) -> Path:
        """The record of how the cell was pruned."""
        return Path(PRUNE_RECORD.format(sweep=self.path, target=target))

    def evaluation_record(self, target: str, kind: str) -> Path:
        """The record of one kind of evaluation (`perplexity`, `zeroshot`, `internals`, ...) of the cell."""
        return Path(EVALUATION_RECORD.format(sweep=self.path, target=target, kind=kind))


def sweep_pattern(sweeps: Iterable[Sweep]) -> str:
    """A regular expression of the path forms of `sweeps`, of which there is one at least, and of no other path.

    It names each model, method and seed as few times as their combinations allow: Snakemake compiles it into every
    output of a rule and matches every file of the run against it, which with thousands of paths takes minutes.
    """
    return _any_of((sweep.protocol, sweep.model, sweep.method, f"seed{sweep.seed}") for sweep in sweeps)


def _any_of(paths: Iterable[tuple[str, ...]]) -> str:
    """An expression of these paths, all of as many parts: first parts with the same continuations are joined."""
    after: dict[str, dict[tuple[str, ...], None]] = {}
    for first, *rest in paths:
        after.setdefault(first, {})[tuple(rest)] = None
    alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for first, continuations in after.items():
        alike.setdefault(tuple(continuations), []).append(first)
    branches = [
        _one_of(map(re.escape, names)) + ("/" + _any_of(continuations) if any(continuations) else "")
        for continuations, names in alike.items()
    ]
    return _one_of(branches)


def _one_of(expressions: Iterable[str]) -> str:
    first, *others = expressions
    return f"(?:{'|'.join((first, *others))})" if others else first
