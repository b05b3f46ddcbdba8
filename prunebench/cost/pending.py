"""Which cells of a grid have something to be computed: those whose records are not what the config wants now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prunebench.config.grid import Cell, Grid
from prunebench.config.load import Config
from prunebench.config.schema import Kind
from prunebench.cost.history import peek
from prunebench.errors import PrunebenchError
from prunebench.layout import Sweep
from prunebench.results.records import EvaluationRecord
from prunebench.sweeps import keys
from prunebench.sweeps.merge import unmeasured


@dataclass
class Todo:
    """What is to be done for one cell.

    Attributes:
        prune: whether it is to be pruned.
        evaluate: the datasets to be measured by kind of evaluation; none of a kind are all of them.
        works: whether that takes any time: a cell that could not be pruned only passes its reason on.
    """

    cell: Cell
    prune: bool
    evaluate: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    works: bool = True

    @property
    def anything(self) -> bool:
        """Whether it is a cell to compute."""
        return self.prune or bool(self.evaluate)


def todos(config: Config, grid: Grid) -> Iterator[Todo]:
    """What is to be done for each cell, in the grid's order.

    A cell's record counts as current by the same keys as in a job, except that patches are only looked for and not
    read. What is pruned anew is taken to be evaluated anew; where the same comes out, it is not.
    """
    known = _Keys(config)
    for cell in grid.cells:
        record = peek(cell.sweep.prune_record(cell.target))
        wanted = known.prune(cell.sweep) if record else None  # without a record there is nothing to compare with
        if record is None or wanted is None or record.get("key") != {**wanted, "target": cell.target}:
            yield Todo(cell, True, {kind: _tasks(cell, kind) for kind in cell.kinds})
            continue
        patch = str(record.get("patch_sha256"))
        evaluate = {}
        for kind in cell.kinds:
            datasets = known.missing(cell, kind, patch)
            if datasets is not None:
                evaluate[kind] = datasets
        gone = not cell.sweep.patch(cell.target).is_file()
        yield Todo(cell, gone and (config.keep_patches or bool(evaluate)), evaluate, record.get("status") == "ok")


class _Keys:
    """The keys of current records, each made once for all the cells that share it; None if inputs are not there."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._prune: dict[Sweep, dict[str, str] | None] = {}
        self._evaluate: dict[tuple[str, Kind, tuple[str, ...]], dict[str, str] | None] = {}

    def prune(self, sweep: Sweep) -> dict[str, str] | None:
        """The key of a sweep's prune records, but for the target."""
        if sweep not in self._prune:
            try:
                self._prune[sweep] = keys.prune_key(self._config, sweep, "")
            except PrunebenchError:
                self._prune[sweep] = None
        return self._prune[sweep]

    def missing(self, cell: Cell, kind: Kind, patch: str) -> tuple[str, ...] | None:
        """The datasets that are still to be measured: none are all, None is nothing."""
        tasks = _tasks(cell, kind)
        called = (cell.sweep.model, kind, tasks)
        if called not in self._evaluate:
            try:
                self._evaluate[called] = keys.evaluation_key(self._config, cell.sweep, kind, "", tasks)
            except PrunebenchError:
                self._evaluate[called] = None
        wanted = self._evaluate[called]
        if wanted is None:
            return tasks
        wanted = {**wanted, "patch": patch}
        lacking = unmeasured(_as_record(cell.sweep.evaluation_record(cell.target, kind)), wanted)
        if not lacking:
            return None
        return tuple(lacking) if kind in ("perplexity", "zeroshot") else ()


def _tasks(cell: Cell, kind: Kind) -> tuple[str, ...]:
    return cell.tasks if kind == "zeroshot" else ()


def _as_record(path: Path) -> EvaluationRecord | None:
    """What `unmeasured` looks at of a record: its key and status."""
    record: dict[str, Any] | None = peek(path)
    if record is None or not isinstance(record.get("key"), dict):
        return None
    return EvaluationRecord.model_construct(key=record["key"], status=record.get("status"))
