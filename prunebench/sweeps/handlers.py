"""What a worker's two kinds of job share: the dense model, the device, and a clean slate before each cell."""

import gc
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from prunebench.assets.manifest import check_asset
from prunebench.config.load import Config, load_config
from prunebench.config.schema import JobWork, Weights
from prunebench.engine.determinism import reset_global_state
from prunebench.layout import MODEL, Sweep
from prunebench.models.checkpoint import weight_bytes
from prunebench.models.load import load_model
from prunebench.results.provenance import provenance
from prunebench.sweeps.device import claim_device
from prunebench.sweeps.memory import available_bytes, models_held
from prunebench.sweeps.worker import Handler, Say


@dataclass(frozen=True)
class Bench:
    """Everything the cells of one job have in common.

    Attributes:
        dense: the dense model, on the CPU; cells work on copies.
        mapped: it and they lie in files, not in memory.
        dtype: its parameters' type, by name.
        device: where the work is done.
    """

    config: Config
    sweep: Sweep
    dense: nn.Module
    mapped: bool
    dtype: str
    device: torch.device
    say: Say

    def clear(self) -> None:
        """Undo what a method may have left behind, so that no cell's result depends on the cells before it."""
        reset_global_state(self.sweep.seed, self.config.threads)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # what is cached does not count as free
            torch.cuda.reset_peak_memory_stats(self.device)

    def failed_cost(self) -> dict[str, Any]:
        """What a failed cell needed of the device since `clear`."""
        return {"peak_device_bytes": peak_device_bytes(self.device)}


def make_handler(setup: dict[str, Any], say: Say) -> tuple[Handler, dict[str, Any]]:
    """Load what all cells of the job share; the answer tells where they will be computed.

    Args:
        setup: `config` (for `load_config`), `sweep` (path form), `work` (`prune` or a kind of evaluation) and
            `dtype` (None = what the protocol says for the device).
    """
    config, sweep = load_config(setup["config"]), Sweep.parse(setup["sweep"])
    reset_global_state(sweep.seed, config.threads)
    device = claim_device(say)
    dtype = setup["dtype"] or getattr(config.protocol_spec.dtype, device.type)
    started, folder = time.perf_counter(), Path(MODEL.format(model=sweep.model)).parent
    check_asset(folder)  # a flipped bit would load like any other and make numbers that are nobody's
    size = weight_bytes(folder, getattr(torch, dtype))
    mapped = is_to_be_mapped(config.weights, setup["work"], size, config.limits.memory_gb)
    dense = load_model(folder, dtype, mapped)
    seconds, how = time.perf_counter() - started, ", mapped," if mapped else ""
    say(f"{sweep.model} loaded as {dtype}{how} in {seconds:.1f} s; computing on {device}")
    bench = Bench(config, sweep, dense, mapped, dtype, device, say)
    handler = _handler(bench, setup["work"])
    gc.collect()
    gc.freeze()  # what stays for good is not to be looked through again after every cell
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    code = config.method_files[sweep.method.partition("@")[0]] if setup["work"] == "prune" else None
    return handler, {"provenance": provenance(config.threads, device.type, gpu, dtype, code)}


def _handler(bench: Bench, work: JobWork) -> Handler:
    # Each imports what the other has no use for, and lm-eval takes seconds.
    if work == "prune":
        from prunebench.sweeps.pruning import PruneHandler

        return PruneHandler(bench)
    from prunebench.sweeps.evaluating import EvaluateHandler

    return EvaluateHandler(bench, work)


def is_to_be_mapped(weights: Weights, work: JobWork, size: int, memory_gb: float | None) -> bool:
    """Whether the copies of a model of `size` bytes are kept in files: where those of a job do not fit into memory."""
    if weights != "auto" or sys.platform != "linux":
        return weights == "mapped"
    room = available_bytes() if memory_gb is None else min(available_bytes(), memory_gb * 1e9)
    return models_held(work) * size > room


def peak_device_bytes(device: torch.device) -> int:
    """The most that was allocated since the peak was last reset; 0 on the CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


class Meter:
    """Measures the seconds and the peak device bytes of a `with` block, into `cost`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cuda = device if device.type == "cuda" else None
        self.cost: dict[str, float] = {}

    def __enter__(self) -> "Meter":
        if self._cuda is not None:
            torch.cuda.synchronize(self._cuda)
            torch.cuda.reset_peak_memory_stats(self._cuda)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        if self._cuda is not None:
            torch.cuda.synchronize(self._cuda)
        seconds = time.perf_counter() - self._started
        self.cost = {"seconds": seconds, "peak_device_bytes": peak_device_bytes(self._device)}
