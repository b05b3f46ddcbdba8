"""What a run will take before it is run: cells to compute, hours, GPU-hours, disk."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from prunebench.config.grid import Grid
from prunebench.config.load import Config
from prunebench.config.schema import JobWork
from prunebench.cost.assets import Cost, data_cost, model_cost
from prunebench.cost.jobs import Costs
from prunebench.cost.pending import Todo, todos
from prunebench.errors import PrunebenchError
from prunebench.hardware import gpu_name

PRUNE: Literal["prune"] = "prune"
ASSETS = "assets"

_RECORD_BYTES = 8_000
# Of a whole run, one after another: Snakemake's start and DAG, then metrics, tables, figures and the page.
_RUN_SECONDS, _RUN_SECONDS_PER_CELL = 10.0, 0.05


@dataclass
class ModelEstimate:
    """Of one model.

    Attributes:
        pending, cells: how many cells are to be computed, and are in the grid.
        seconds: of all jobs together by kind of work; `assets` is the model itself and its token ids.
        stored: bytes that are to be written and stay.
        unknown: why there are no seconds and bytes; empty if there are.
    """

    pending: int = 0
    cells: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    stored: float = 0.0
    unknown: str = ""


@dataclass(frozen=True)
class Estimate:
    """Of a whole run.

    Attributes:
        models: by name, in the config's order.
        data: texts and tasks.
        temporary: bytes of patches that are there at a time, where the config does not keep them.
        known: seconds of the jobs' that are from earlier records of the same model and method.
        wall: seconds from start to end.
        cores, gpus: what they run on; no GPUs: the jobs compute on CPUs.
        gpu, gpu_is_here: the name of what counts as one, empty if nothing tells it; whether this machine has it.
    """

    models: Mapping[str, ModelEstimate]
    data: Cost
    temporary: float
    known: float
    wall: float
    cores: int
    gpus: int
    gpu: str
    gpu_is_here: bool

    @property
    def pending(self) -> int:
        """Cells to be computed."""
        return sum(model.pending for model in self.models.values())

    @property
    def cells(self) -> int:
        """Cells of the grid."""
        return sum(model.cells for model in self.models.values())

    @property
    def job_seconds(self) -> float:
        """Of all jobs, one after another."""
        return self.data.seconds + sum(sum(model.seconds.values()) for model in self.models.values())

    @property
    def gpu_seconds(self) -> float:
        """Of GPUs taken: a job holds one from its start to its end."""
        return _cell_seconds(self.models) if self.gpus else 0.0

    @property
    def stored(self) -> float:
        """Bytes."""
        return self.data.stored + self.temporary + sum(model.stored for model in self.models.values())

    @property
    def unknown(self) -> list[str]:
        """Why some models are not in it."""
        return [model.unknown for model in self.models.values() if model.unknown]


def estimate(config: Config, grid: Grid, cores: int, gpus: int | None = None) -> Estimate:
    """Estimate a run of the grid in the working directory.

    Args:
        cores: that jobs may take together; as many run side by side as fit by the config's `threads`.
        gpus: how many GPUs they compute on; 0 = on CPUs; None = those that are here.
    """
    costs = Costs(config, gpus)
    models = {model: ModelEstimate() for model in config.models}
    known, longest, patches = 0.0, 0.0, [0.0]
    for sweep, group in groupby(todos(config, grid), lambda todo: todo.cell.sweep):
        cells, model = list(group), models[sweep.model]
        model.cells += len(cells)
        cells = [todo for todo in cells if todo.anything]
        model.pending += len(cells)
        if not cells or model.unknown:
            continue
        try:
            chunks = [_jobs(costs, chunk) for chunk in _chunks(cells, grid.cells_per_job)]
            pruned = [costs.patch(sweep.model, sweep.method, todo.cell.target) for todo in cells if todo.prune]
        except PrunebenchError as error:
            model.unknown = str(error)
            continue
        for chunk in chunks:
            times: defaultdict[str, float] = defaultdict(float)
            for work, seconds, from_records in chunk:
                times[work] += seconds
                model.seconds[work] = model.seconds.get(work, 0.0) + seconds
                known += from_records
            # Evaluations wait for the pruning, and for each other only where they share its allocation.
            pruning, evaluations = times.pop(PRUNE, 0.0), [*times.values(), 0.0]
            longest = max(longest, pruning + (sum if config.share_allocation else max)(evaluations))
        patches.append(sum(pruned))
        model.stored += _RECORD_BYTES * sum(todo.prune + len(todo.evaluate) for todo in cells)
        model.stored += patches[-1] if config.keep_patches else 0.0
    for name, model in models.items():
        if model.pending and not model.unknown:
            cost = model_cost(costs, name)
            model.seconds[ASSETS] = cost.seconds
            model.stored += cost.stored
    pending = sum(model.pending for model in models.values())
    data = data_cost(config) if pending else Cost()
    width = max(cores // config.threads, 1)
    total = data.seconds + sum(sum(model.seconds.values()) for model in models.values())
    on_gpus = _cell_seconds(models) / costs.gpus if costs.gpus else 0.0
    serial = _RUN_SECONDS + _RUN_SECONDS_PER_CELL * pending if pending else 0.0
    wall = max(total / width, on_gpus, longest) + serial
    temporary = 0.0 if config.keep_patches else sum(sorted(patches)[-width:])
    return Estimate(models, data, temporary, known, wall, cores, costs.gpus, costs.gpu, bool(costs.gpus and gpu_name()))


def _cell_seconds(models: Mapping[str, ModelEstimate]) -> float:
    return sum(s for model in models.values() for work, s in model.seconds.items() if work != ASSETS)


def _chunks(cells: list[Todo], per_job: int) -> list[list[Todo]]:
    step = per_job or len(cells)
    return [cells[start : start + step] for start in range(0, len(cells), step)]


def _jobs(costs: Costs, chunk: list[Todo]) -> list[tuple[JobWork, float, float]]:
    """The jobs for some cells of a sweep: work, seconds, and those of them that are from earlier records."""
    jobs: dict[tuple[JobWork, tuple[str, ...]], list[str]] = {}
    for todo in chunk:
        if todo.prune:
            jobs.setdefault((PRUNE, ()), []).append(todo.cell.target)
        for kind, datasets in todo.evaluate.items() if todo.works else ():
            jobs.setdefault((kind, datasets), []).append(todo.cell.target)
    sweep = chunk[0].cell.sweep
    return [(work, *costs.job_cost(sweep, work, targets, only)) for (work, only), targets in jobs.items()]
