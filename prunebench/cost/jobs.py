"""Seconds and memory of cells and of whole jobs under a config, cheap enough to be asked for every job of a DAG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

from prunebench.config.load import Config
from prunebench.config.protocols import Protocol
from prunebench.config.shape import Shape
from prunebench.config.strict import parse_entries, read_yaml
from prunebench.cost.cells import BYTES, CellWork, evaluate_cell_work, prune_cell_work
from prunebench.cost.evaluating import Counts, dataset_counts, item_tokens
from prunebench.cost.history import History, Past
from prunebench.cost.pruning import patch_bytes
from prunebench.cost.rates import Rates, cpu_rates, found_gpus, gpu_rates
from prunebench.cost.shape import shape_of
from prunebench.cost.usage import Usage, usage_of
from prunebench.errors import PrunebenchError
from prunebench.layout import Sweep
from prunebench.plugins.header import parse_variant
from prunebench.targets import Target

# Of a script and its worker until it is ready, but for reading the model; measured 2026-11 on 2 cores, idle.
START_SECONDS = 3.8
_UNKNOWN_MINUTES = 60.0  # of one cell nothing is known about, unless `limits.cell_minutes` says less
_UNKNOWN_MB = 16_000
_BASE_MB = 2_000  # Python, torch, transformers, the harness
_GB_MB = 1000


@dataclass(frozen=True)
class CellCost:
    """Seconds of one kind of work on one cell; the names are those of `CellWork`. `known`: from earlier records."""

    shared: float = 0.0
    own: float = 0.0
    around: float = 0.0
    once: float = 0.0
    known: bool = True


class Costs:
    """The costs under one config.

    Args:
        gpus: how many GPUs jobs compute on; 0 = on CPUs; None = those that nvidia-smi finds here.
    """

    def __init__(self, config: Config, gpus: int | None = None) -> None:
        found = () if gpus == 0 else found_gpus()
        self.gpus = len(found) if gpus is None else gpus
        self._gpu = found[0] if found else ""
        self.config = config
        self.device = "cuda" if self.gpus else "cpu"
        self.dtype: str = getattr(config.protocol_spec.dtype, self.device)
        self.rates = self._rates_of(self.device, self.dtype, config.threads, self._gpu)
        self.shape: Callable[[str], Shape] = cache(self._shape)
        self.cell: Callable[[str, str, str, str, tuple[str, ...]], CellCost] = cache(self._cell)
        self._counts = cache(self._count)
        self._usage = cache(self._read_usage)
        self._tokens = item_tokens(config)
        self._protocols = cache(self._read_protocols)
        self._history = History(self._modelled, self.device)

    def job_seconds(self, sweep: Sweep, work: str, targets: Sequence[str], only: tuple[str, ...] = ()) -> float:
        """Seconds of one job, its start included.

        Args:
            work: `prune` or the kind of evaluation.
            targets: those that are to be computed.
            only: the datasets that are to be measured; none are all.

        Raises:
            PrunebenchError: the model's size is unknown.
        """
        return self.job_cost(sweep, work, targets, only)[0]

    def job_cost(
        self, sweep: Sweep, work: str, targets: Sequence[str], only: tuple[str, ...] = ()
    ) -> tuple[float, float]:
        """As `job_seconds`; and how many of them are from earlier records."""
        cells = [self.cell(sweep.model, sweep.method, target, work, only) for target in targets]
        if not cells:
            return 0.0, 0.0
        read = self.shape(sweep.model).parameters * BYTES[self.dtype] / self.rates.stored
        start = (START_SECONDS + read) * self._pace(work)
        computed = sum(cell.own for cell in cells) + max(cell.shared for cell in cells)
        known = sum(cell.own for cell in cells if cell.known) + max(cell.shared * cell.known for cell in cells)
        return start + max(cell.once for cell in cells) + computed + sum(cell.around for cell in cells), known

    def memory_mb(self, sweep: Sweep, work: str) -> int:
        """Host memory that a job needs: the dense model, a copy of it, and what methods keep beside them."""
        shape, size = self.shape(sweep.model), BYTES[self.dtype]
        models = 2.0 * shape.parameters * size
        usage, protocol = self._usage(sweep.method), self.config.protocol_spec
        if self.device == "cpu":  # else they are on the device
            window = min(protocol.perplexity.window, shape.positions)
            states = protocol.calibration.nsamples * min(protocol.calibration.seqlen, shape.positions) * shape.hidden
            # Of one window the logits and their log-softmax in fp32; of all samples a block's inputs and outputs.
            models += 2.0 * states * size if work == "prune" else float(window) * shape.vocabulary * (size + 8)
        if work == "prune" and usage is not None:
            if "gradients" in usage.reads.needs:
                models += 8.0 * shape.weights  # two fp32 sums
            models += shape.weights * size  # the patch, at most
            if usage.framework.recovery is not None:
                models += 0.25 * shape.parameters * size  # activations of a sequence, adapters and their optimiser
            models += 8.0 * max(inputs for inputs, _ in shape.groups) ** 2
        return ceil(models / 1e9 * _GB_MB) + _BASE_MB

    def patch(self, model: str, method: str, target: str) -> float:
        """Bytes of a cell's patch."""
        usage = self._usage(method)
        if usage is None:
            return 0.0
        return patch_bytes(usage, self.shape(model), Target.parse(target), BYTES[self.dtype])

    def _cell(self, model: str, method: str, target: str, work: str, only: tuple[str, ...]) -> CellCost:
        usage = self._usage(method)
        if usage is None:
            return CellCost()  # its record says why within the start of a job
        shape, protocol = self.shape(model), self.config.protocol_spec
        counts = {} if work == "prune" else self._counts(model, work, only)
        amounts = self._work(usage, shape, target, work, protocol, self.dtype, counts)
        correction = self._history.correction(model, method, target, work)
        seconds, factor, pace = self.rates.seconds, correction.factor, self._pace(work)
        return CellCost(
            seconds(amounts.shared) * factor,
            seconds(amounts.own) * factor,
            seconds(amounts.around) * pace,
            seconds(amounts.once) * pace,
            correction.known,
        )

    def _pace(self, work: str) -> float:
        """How slow the CPU is that jobs start on; of a GPU's records it cannot be told."""
        return self._history.pace(work) if self.device == "cpu" else 1.0

    def _work(
        self, usage: Usage, shape: Shape, target: str, work: str, protocol: Protocol, dtype: str, counts: Counts
    ) -> CellWork:
        if work == "prune":
            return prune_cell_work(usage, shape, target, protocol, dtype)
        return evaluate_cell_work(work, usage, shape, target, protocol, dtype, counts, self._tokens)  # type: ignore[arg-type]

    def _modelled(self, past: Past) -> float:
        """What the FLOPs model says of a record."""
        try:
            shape, protocol = self.shape(past.sweep.model), self._protocols()[past.sweep.protocol]
            usage = self._usage(past.sweep.method)
        except (KeyError, PrunebenchError):
            return 0.0
        if usage is None or past.dtype not in BYTES:
            return 0.0
        work = self._work(usage, shape, past.target, past.work, protocol, past.dtype, past.counts)
        rates = self._rates_of(past.device, past.dtype, past.threads, past.gpu)
        return rates.seconds(work.shared) + rates.seconds(work.own)

    def _shape(self, model: str) -> Shape:
        return shape_of(model, self.config.model_registry[model])

    def _read_usage(self, method: str) -> Usage | None:
        return usage_of(method, self.config.method_files[parse_variant(method)[0]])

    def _count(self, model: str, work: str, only: tuple[str, ...]) -> Counts:
        return dataset_counts(self.config, work, self.shape(model), model, only)  # type: ignore[arg-type]

    def _read_protocols(self) -> dict[str, Protocol]:
        file = self.config.registry.protocols
        return parse_entries(Protocol, read_yaml(file), str(file))

    @staticmethod
    def _rates_of(device: str, dtype: str, threads: int, gpu: str) -> Rates:
        return gpu_rates(dtype, gpu) if device == "cuda" else cpu_rates(dtype, threads)


def job_minutes(config: Config, sweep: Sweep, work: str, targets: Sequence[str], gpus: int | None = None) -> float:
    """Minutes that a job is expected to take, without a margin; of what nothing is known about, a cell's limit each.

    Args:
        work: `prune` or the kind of evaluation.
        gpus: as in `Costs`; a machine that jobs are sent to may have some where this one has none.
    """
    try:
        return _costs(config, gpus).job_seconds(sweep, work, tuple(targets)) / 60
    except (PrunebenchError, OSError, KeyError):
        return min(config.limits.cell_minutes or _UNKNOWN_MINUTES, _UNKNOWN_MINUTES) * max(len(targets), 1)


def job_memory_mb(config: Config, sweep: Sweep, work: str, gpus: int | None = None) -> int:
    """Megabytes of host memory that a job needs; of what nothing is known about, enough for a small model."""
    try:
        return _costs(config, gpus).memory_mb(sweep, work)
    except (PrunebenchError, OSError, KeyError):
        return _UNKNOWN_MB


_latest: list[tuple[Config, int | None, Costs]] = []


def _costs(config: Config, gpus: int | None) -> Costs:
    """The costs of a config, made once: a Snakefile asks for every job, always with the same object."""
    if not _latest or _latest[0][0] is not config or _latest[0][1] != gpus:
        _latest[:] = [(config, gpus, Costs(config, gpus))]
    return _latest[0][2]
