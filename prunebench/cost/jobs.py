"""Seconds and memory of cells and of whole jobs under a config, cheap enough to be asked for every job of a DAG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from prunebench.config.load import Config
from prunebench.config.protocols import Protocol
from prunebench.config.schema import JobWork, Kind
from prunebench.config.shape import Shape
from prunebench.config.strict import parse_entries, read_yaml
from prunebench.cost.evaluating import Counts, dataset_counts, evaluate_work, item_tokens
from prunebench.cost.history import History, Past, newest_gpu
from prunebench.cost.pruning import patch_bytes, prune_work
from prunebench.cost.rates import Rates, cpu_rates, gpu_rates
from prunebench.cost.shape import shape_of
from prunebench.cost.usage import Usage, usage_of
from prunebench.cost.work import BYTES, CellWork
from prunebench.errors import PrunebenchError
from prunebench.hardware import count_gpus, gpu_name
from prunebench.layout import Sweep
from prunebench.plugins.header import parse_variant
from prunebench.sweeps.memory import models_held
from prunebench.targets import Target

# Of a script and its worker until it is ready, but for reading the model; measured 2026-11 on 2 cores, idle.
START_SECONDS = 3.8
_BASE_BYTES = 2e9  # Python, torch, transformers, the harness


@dataclass(frozen=True)
class CellCost:
    """Seconds of one kind of work on one cell; the names are those of `CellWork`. `known`: from earlier records."""

    own: float = 0.0
    around: float = 0.0
    shared: float = 0.0
    once: float = 0.0
    known: bool = True


class Costs:
    """The costs under one config.

    Args:
        gpus: how many GPUs jobs compute on; 0 = on CPUs; None = those that are here.
    """

    def __init__(self, config: Config, gpus: int | None = None) -> None:
        self.gpus = count_gpus() if gpus is None else gpus
        self.config = config
        self.device = "cuda" if self.gpus else "cpu"
        self.dtype: str = getattr(config.protocol_spec.dtype, self.device)
        self.shape: Callable[[str], Shape] = cache(self._shape)
        self.cell: Callable[[str, str, str, JobWork, tuple[str, ...]], CellCost] = cache(self._cell)
        self._counts = cache(self._count)
        self._usage = cache(self._read_usage)
        self._tokens = item_tokens(config)
        self._protocols = cache(self._read_protocols)
        self._history = History(self._modelled, self.device)

    @cached_property
    def gpu(self) -> str:
        """The GPU counted on: this machine's, else the one that made the newest record; empty if there is neither."""
        return (gpu_name() or newest_gpu()) if self.gpus else ""

    @cached_property
    def rates(self) -> Rates:
        """Of what the jobs compute on."""
        return _rates_of(self.device, self.dtype, self.config.threads, self.gpu)

    def job_cost(
        self, sweep: Sweep, work: JobWork, targets: Sequence[str], only: tuple[str, ...] = ()
    ) -> tuple[float, float]:
        """Seconds of one job, its start included, and how many of them are from earlier records.

        Args:
            targets: those that are to be computed.
            only: the datasets that are to be measured; none are all.

        Raises:
            PrunebenchError: the model's size is unknown.
        """
        cells = [self.cell(sweep.model, sweep.method, target, work, only) for target in targets]
        if not cells:
            return 0.0, 0.0
        read = self.shape(sweep.model).parameters * BYTES[self.dtype] / self.rates.stored
        start = (START_SECONDS + read) * self._pace(work)
        computed = sum(cell.own for cell in cells) + max(cell.shared for cell in cells)
        known = sum(cell.own for cell in cells if cell.known) + max(cell.shared * cell.known for cell in cells)
        return start + max(cell.once for cell in cells) + computed + sum(cell.around for cell in cells), known

    def memory(self, sweep: Sweep, work: JobWork) -> float:
        """Bytes that a job holds on the host: models, and what methods keep beside them; no pages of mapped files.

        Raises:
            PrunebenchError: the model's size is unknown.
        """
        shape, size, on_cpu = self.shape(sweep.model), BYTES[self.dtype], self.device == "cpu"
        usage, protocol = self._usage(sweep.method), self.config.protocol_spec
        # Of mapped models a block at a time is copied, compared and stored.
        models = shape.parameters if self.config.weights != "mapped" else shape.weights / shape.blocks
        held = _BASE_BYTES + float(models_held(work) * models * size)
        if work != "prune":  # logits of a window, and their log-softmax in fp32
            return held + on_cpu * min(protocol.perplexity.window, shape.positions) * shape.vocabulary * (size + 8)
        samples = (usage and usage.framework.nsamples) or protocol.calibration.nsamples
        states = samples * min(protocol.calibration.seqlen, shape.positions) * shape.hidden * size
        # The first block's inputs stay on the host; those of the block at work and its outputs are on the device.
        held += states * (3 if on_cpu else 1) + shape.weights / 8  # and the patch's bits
        if usage is None:
            return held
        if "gradients" in usage.reads.needs:
            held += 8.0 * shape.weights  # two fp32 sums
        if usage.framework.recovery is not None:
            held += 0.25 * shape.parameters * size  # activations of a sequence, adapters and their optimiser
        return held + 8.0 * max(inputs for inputs, _ in shape.groups) ** 2

    def patch(self, model: str, method: str, target: str) -> float:
        """Bytes of a cell's patch."""
        usage = self._usage(method)
        if usage is None:
            return 0.0
        return patch_bytes(usage, self.shape(model), Target.parse(target), BYTES[self.dtype])

    def _cell(self, model: str, method: str, target: str, work: JobWork, only: tuple[str, ...]) -> CellCost:
        usage = self._usage(method)
        if usage is None:
            return CellCost()  # its record says why within the start of a job
        shape, protocol = self.shape(model), self.config.protocol_spec
        counts = {} if work == "prune" else self._counts(model, work, only)
        amounts = self._work(usage, shape, target, work, protocol, self.device, self.dtype, counts)
        correction = self._history.correction(model, method, target, work)
        seconds, factor, pace = self.rates.seconds, correction.factor, self._pace(work)
        return CellCost(
            own=seconds(amounts.own) * factor,
            around=seconds(amounts.around) * pace,
            shared=seconds(amounts.shared) * factor,
            once=seconds(amounts.once) * pace,
            known=correction.known,
        )

    def _pace(self, work: JobWork) -> float:
        """How slow the CPU is that jobs start on; of a GPU's records it cannot be told."""
        return self._history.pace(work) if self.device == "cpu" else 1.0

    def _work(
        self, usage: Usage, shape: Shape, token: str, work: JobWork, protocol: Protocol, device: str, dtype: str,
        counts: Counts,
    ) -> CellWork:  # fmt: skip
        target, size, calibration = Target.parse(token), BYTES[dtype], protocol.calibration
        if work == "prune":
            samples = usage.framework.nsamples or calibration.nsamples
            return prune_work(usage, shape, target, samples, min(calibration.seqlen, shape.positions), size)
        stored = patch_bytes(usage, shape, target, size)
        return evaluate_work(work, shape, protocol, counts, self._tokens, stored, device)

    def _modelled(self, past: Past) -> float:
        """What the FLOPs model says of a record."""
        try:
            shape, protocol = self.shape(past.sweep.model), self._protocols()[past.sweep.protocol]
            usage = self._usage(past.sweep.method)
        except (KeyError, PrunebenchError):
            return 0.0
        if usage is None or past.dtype not in BYTES:
            return 0.0
        work = self._work(usage, shape, past.target, past.work, protocol, past.device, past.dtype, past.counts)
        rates = _rates_of(past.device, past.dtype, past.threads, past.gpu)
        return rates.seconds(work.shared) + rates.seconds(work.own)

    def _shape(self, model: str) -> Shape:
        return shape_of(model, self.config.model_registry[model])

    def _read_usage(self, method: str) -> Usage | None:
        return usage_of(method, self.config.method_files[parse_variant(method)[0]])

    def _count(self, model: str, work: Kind, only: tuple[str, ...]) -> Counts:
        return dataset_counts(self.config, work, self.shape(model), model, only)

    def _read_protocols(self) -> dict[str, Protocol]:
        file = self.config.registry.protocols
        return parse_entries(Protocol, read_yaml(file), str(file))


def _rates_of(device: str, dtype: str, threads: int, gpu: str) -> Rates:
    return gpu_rates(dtype, gpu) if device == "cuda" else cpu_rates(dtype, threads)
