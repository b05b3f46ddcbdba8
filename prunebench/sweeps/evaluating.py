"""Evaluating the cells of a sweep: what the worker of an evaluate job does."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from prunebench.config.schema import Kind
from prunebench.data.calibration import load_calibration
from prunebench.data.windows import load_windows
from prunebench.evaluate.cell import EvaluationContext, evaluate_kind
from prunebench.evaluate.perplexity import divergence
from prunebench.evaluate.streaming import place
from prunebench.files import sha256_file
from prunebench.judgement import judge
from prunebench.layout import MODEL, TASK
from prunebench.models.load import load_tokenizer
from prunebench.models.mapped import copy_model
from prunebench.patches.apply import apply_patch
from prunebench.patches.format import load_patch
from prunebench.results.records import Measurement
from prunebench.sweeps import keys
from prunebench.sweeps.handlers import Bench, Meter
from prunebench.sweeps.worker import InfrastructureError


class EvaluateHandler:
    """Applies one patch after another to copies of the dense model and measures each.

    A cell names its `patch`, that one's `sha256` and the `datasets` to measure. The reply holds the `measurements`
    and the costs; its seconds are those of the evaluation alone.
    """

    def __init__(self, bench: Bench, kind: Kind) -> None:
        self._bench = bench
        self._kind = kind
        self._tokenizer = load_tokenizer(Path(MODEL.format(model=bench.sweep.model)).parent)
        self._context = cache(self._make_context)

    def attempt(self, cell: dict[str, Any]) -> tuple[list[Measurement], Meter]:
        """Measure one cell."""
        bench = self._bench
        bench.clear()
        try:
            context = self._context(tuple(cell["datasets"]))
            model = self._pruned_model(Path(cell["patch"]), cell["sha256"])
        except Exception as error:  # nothing of the method's runs in these lines
            if judge(error, ())[0] == "oom":
                raise
            raise InfrastructureError(str(error)) from error
        with Meter(bench.device) as meter:
            measurements = evaluate_kind(self._kind, model, context)
        return measurements, meter

    def keep(self, cell: dict[str, Any], result: tuple[list[Measurement], Meter]) -> dict[str, Any]:
        """Judge what was measured; the supervisor's process writes the record."""
        measurements, meter = result
        reason = next(filter(None, map(divergence, measurements)), "")
        return {
            "status": "diverged" if reason else "ok",
            "reason": reason,
            "measurements": [json.loads(measurement.model_dump_json()) for measurement in measurements],
            **meter.cost,
        }

    def intact(self) -> bool:
        """Always: evaluating runs no method's code, and changes no model."""
        return True

    def failed_cost(self) -> dict[str, Any]:
        """See `Bench.failed_cost`."""
        return self._bench.failed_cost()

    def _pruned_model(self, patch: Path, sha256: str) -> nn.Module:
        model = copy_model(self._bench.dense, self._bench.mapped)
        if not patch.is_file() or sha256_file(patch) != sha256:
            raise InfrastructureError(
                f"{patch} is missing or not what its record says; run prunebench verify --fix, and snakemake to prune "
                "this cell again"
            )
        apply_patch(model, load_patch(patch))
        return place(model, self._bench.device, self._kind == "speed")  # of a streamed one, transfers would be timed

    def _dense_alike(self) -> nn.Module:
        """A copy of the dense model, made as the pruned ones are and where they are.

        The one that was loaded lies in the checkpoint's own pages, at odd addresses: that alone made it write tokens
        7 % slower than a copy.
        """
        return copy_model(self._bench.dense, self._bench.mapped).to(self._bench.device)

    def _make_context(self, datasets: tuple[str, ...]) -> EvaluationContext:
        """What the evaluation reads beside the model; cells that lack the same datasets share it."""
        config, sweep, kind = self._bench.config, self._bench.sweep, self._kind
        windows = {text: load_windows(keys.windows_path(sweep, text)) for text in datasets if kind == "perplexity"}
        tasks = {task: Path(TASK.format(task=task)).parent for task in datasets if kind == "zeroshot"}
        dense = self._dense_alike() if kind == "speed" else None
        context = EvaluationContext(config.protocol_spec, self._tokenizer, windows, tasks, dense)
        if kind == "internals":
            context.blocks = [keys.block_pair(name) for name in datasets]
            if (path := keys.compared_on(config, sweep)) is not None:
                context.calibration = load_calibration(path, config.protocol_spec.calibration.nsamples)
        if kind == "zeroshot":
            assert context.zeroshot  # made here, where trouble with the tasks is not taken for the model's
        return context
