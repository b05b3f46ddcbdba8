"""From a config to the explicit list of cells, and the jobs that compute them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prunebench.config.load import DENSE_METHOD, Config
from prunebench.config.schema import Kind
from prunebench.config.standins import needed_cells, needed_tasks
from prunebench.errors import PrunebenchError
from prunebench.files import digest_json
from prunebench.layout import Sweep
from prunebench.plugins.header import parse_variant, read_header
from prunebench.targets import DENSE, PATTERNS, Pattern, Target

_READABLE_TARGETS = 8  # so many targets are spelled out in a chunk's name before it is shortened


@dataclass(frozen=True)
class Cell:
    """The unit of results: one sweep at one target token.

    `kinds` are the kinds of evaluation it gets, in the config's order, and `tasks` its zero-shot tasks; none are all of
    the config.
    """

    sweep: Sweep
    target: str
    kinds: tuple[Kind, ...] = ()
    tasks: tuple[str, ...] = ()

    @property
    def records(self) -> list[Path]:
        """The files of its records: how it was pruned, and each kind of evaluation."""
        evaluations = (self.sweep.evaluation_record(self.target, kind) for kind in self.kinds)
        return [self.sweep.prune_record(self.target), *evaluations]


@dataclass(frozen=True)
class Skipped:
    """A combination that makes no sense, left out of the grid."""

    model: str
    method: str
    target: str
    reason: str


@dataclass(frozen=True)
class Chunk:
    """Sweeps that handle the same targets in one job each.

    Snakemake wants one list of outputs per rule, so each chunk becomes a rule; `sweeps` are its wildcard's
    values.
    """

    targets: tuple[str, ...]
    sweeps: tuple[Sweep, ...]

    @property
    def name(self) -> str:
        """The targets as a word for rule names and log files, different for different targets."""
        if len(self.targets) <= _READABLE_TARGETS:
            return "_".join(self.targets)
        return f"{self.targets[0]}_to_{self.targets[-1]}_{digest_json(self.targets)}"


@dataclass(frozen=True)
class Grid:
    """All of a config's work."""

    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...]
    chunks: tuple[Chunk, ...]
    cells_per_job: int = 0

    def evaluated(self, kind: str) -> tuple[Chunk, ...]:
        """The jobs of one kind of evaluation: like `chunks`, of the cells that get it."""
        jobs: dict[Sweep, tuple[str, ...]] = {}
        for cell in self.cells:
            if kind in cell.kinds:
                jobs[cell.sweep] = (*jobs.get(cell.sweep, ()), cell.target)
        return _chunks(jobs, self.cells_per_job)

    def tasks(self, sweep: Sweep) -> dict[str, tuple[str, ...]]:
        """The zero-shot tasks of a sweep's cells by target, of those that get some of the config's only."""
        return self._tasks.get(sweep, {})

    @cached_property
    def _tasks(self) -> dict[Sweep, dict[str, tuple[str, ...]]]:
        found: dict[Sweep, dict[str, tuple[str, ...]]] = {}
        for cell in self.cells:
            if cell.tasks:
                found.setdefault(cell.sweep, {})[cell.target] = cell.tasks
        return found

    @cached_property
    def sweeps(self) -> tuple[Sweep, ...]:
        """Every sweep, once, in the config's order."""
        return tuple(dict.fromkeys(cell.sweep for cell in self.cells))


def expand(config: Config) -> Grid:
    """Cross models, methods, targets and seeds; leave out what a method cannot do; cut sweeps into jobs.

    The dense model is always there, first, once per model: no seed and no target changes it. With a paper, only
    those cells, kinds of evaluation and zero-shot tasks are there that it shows.

    Raises:
        PrunebenchError: the config asks for methods and targets but no combination of them is possible, or the
            paper shows none of them.
    """
    targets = {spec: _legal_targets(spec, config) for spec in config.methods if parse_variant(spec)[0] != DENSE_METHOD}
    skipped = tuple(
        Skipped(model, spec, token, reason)
        for model in config.models
        for spec, tokens in targets.items()
        for token, reason in tokens.items()
        if reason
    )
    layout, methods = config.paper_layout, (DENSE_METHOD, *config.methods)
    needed = needed_cells(layout, config.models, methods) if layout else None
    jobs: dict[Sweep, tuple[str, ...]] = {}
    for model in config.models:
        jobs[Sweep(config.protocol, model, DENSE_METHOD, config.seeds[0])] = (DENSE.token,)
        for spec, tokens in targets.items():
            legal = tuple(
                token
                for token, reason in tokens.items()
                if not reason and (needed is None or (model, spec, token) in needed)
            )
            for seed in config.seeds if legal else ():
                jobs[Sweep(config.protocol, model, spec, seed)] = legal
    if targets and len(jobs) == len(config.models):
        reasons = "; ".join(dict.fromkeys(skip.reason for skip in skipped)) or "`targets` is empty"
        if needed is not None and any(not reason for tokens in targets.values() for reason in tokens.values()):
            raise PrunebenchError(
                f"config: {config.paper} shows none of these cells, nor is a model of the run a stand-in for one of its"
            )
        raise PrunebenchError(f"config: none of the methods can do any of the targets ({reasons})")

    def kinds(sweep: Sweep, token: str) -> tuple[Kind, ...]:
        if needed is None:
            return config.evaluate
        shown = needed.get((sweep.model, sweep.method, token), frozenset())
        if token == DENSE.token:  # what is compared is compared with it, and internals are only looked at
            shown |= {*config.evaluate} - {"internals"}
        return tuple(kind for kind in config.evaluate if kind in shown)

    shown = needed_tasks(layout, config.models, methods, config.zeroshot_tasks) if layout else {}

    def tasks(sweep: Sweep, token: str) -> tuple[str, ...]:
        wanted = shown.get((sweep.model, sweep.method, token), frozenset())
        some = tuple(task for task in config.zeroshot_tasks if task in wanted)
        return () if token == DENSE.token or some == config.zeroshot_tasks else some

    cells = tuple(
        Cell(sweep, token, kinds(sweep, token), tasks(sweep, token))
        for sweep, tokens in jobs.items()
        for token in tokens
    )
    return Grid(cells, skipped, _chunks(jobs, config.cells_per_job), config.cells_per_job)


def describe(grid: Grid) -> str:
    """What will be computed and what is left out, as lines for a person."""
    lines = [f"grid: {len(grid.cells)} cells in {len(grid.sweeps)} sweeps (one model, method and seed each)"]
    # Legality is decided by method and target alone, so one line stands for all models.
    methods: dict[str, dict[str, None]] = {}
    for skip in grid.skipped:
        methods.setdefault(skip.target, {})[skip.method] = None
    lines += [
        f"left out: {token}, which is {Target.parse(token).pattern} and not done by {', '.join(names)}"
        for token, names in methods.items()
    ]
    return "\n".join(lines)


def _legal_targets(spec: str, config: Config) -> dict[str, str]:
    """Each target token with the reason why the method cannot do it, empty if it can."""
    patterns = _patterns(spec, config)
    reasons = {}
    for token in config.targets:
        pattern = Target.parse(token).pattern
        possible = pattern in patterns
        reasons[token] = "" if possible else f"{spec} does {' and '.join(patterns)}, {token} is {pattern}"
    return reasons


def _patterns(spec: str, config: Config) -> tuple[Pattern, ...]:
    try:
        return tuple(read_header(config.method_files[parse_variant(spec)[0]]).patterns)
    except PrunebenchError:
        return PATTERNS  # a broken method: every cell of it is to show why


def _chunks(jobs: dict[Sweep, tuple[str, ...]], cells_per_job: int) -> tuple[Chunk, ...]:
    sweeps: dict[tuple[str, ...], list[Sweep]] = {}
    for sweep, tokens in jobs.items():
        step = cells_per_job or len(tokens)
        for start in range(0, len(tokens), step):
            sweeps.setdefault(tokens[start : start + step], []).append(sweep)
    return tuple(Chunk(tokens, tuple(members)) for tokens, members in sweeps.items())
