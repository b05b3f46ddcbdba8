"""Every cell of a grid with its records, whatever became of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from prunebench.errors import DamagedFile
from prunebench.layout import Sweep
from prunebench.results.records import CellId, EvaluationRecord, Measurement, PruneRecord, Record, Status, read_record
from prunebench.targets import DENSE


class GridCell(Protocol):
    """What is needed of a cell of the grid."""

    @property
    def sweep(self) -> Sweep: ...
    @property
    def target(self) -> str: ...
    @property
    def kinds(self) -> Sequence[str]: ...
    @property
    def tasks(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class CellResult:
    """A cell and its records; a record that is not there is replaced by one of status `error` saying so.

    Attributes:
        sweep, target: which cell.
        prune: how it was pruned.
        evaluations: by kind, what was measured.
        tasks: the zero-shot tasks it gets; none are all of the config.
        rejection: why the model's numbers are not to be believed; empty if they are.
        elsewhere: why its speeds do not compare with the dense row's; empty if they do.
    """

    sweep: Sweep
    target: str
    prune: PruneRecord
    evaluations: Mapping[str, EvaluationRecord]
    rejection: str = ""
    tasks: tuple[str, ...] = ()
    elsewhere: str = ""

    def outcome(self, kind: str | None = None) -> tuple[Status, str]:
        """Status and reason of one kind of evaluation, or of the pruning (None), which decides all kinds."""
        if self.rejection:
            return "rejected", self.rejection
        record = self.prune
        if kind is not None and record.status == "ok":
            return self.evaluations[kind].status, _one_line(self.evaluations[kind].reason)
        return record.status, _one_line(record.reason)

    def measurement(self, kind: str, metric: str, dataset: str) -> Measurement | None:
        """What one kind of evaluation measured of a metric, whatever its status."""
        for measurement in self.evaluations[kind].measurements:
            if (measurement.metric, measurement.dataset) == (metric, dataset):
                return measurement
        return None


def load_cells(
    root: Path, cells: Iterable[GridCell], check: Callable[[CellResult], CellResult] = lambda result: result
) -> list[CellResult]:
    """Read the records of all cells, which lie under the project root; of evaluations the kinds the cell gets.

    Args:
        check: replaces records that are not what they should be (`stale.stale_as_errors`).
    """
    return [replace(check(_load(root, c.sweep, c.target, c.kinds)), tasks=tuple(c.tasks)) for c in cells]


def averaged_tasks(results: Iterable[CellResult], of_paper: bool = False) -> set[str] | None:
    """The tasks that means are over; None where they are all.

    They are those of the dense rows, so that no other cell decides what is averaged. A paper's grid gives cells the
    tasks that it shows: there they are those that every cell with zero-shot tasks gets.
    """
    with_tasks = [result for result in results if "zeroshot" in result.evaluations and result.tasks]
    some = [set(result.tasks) for result in with_tasks if of_paper or result.target == DENSE.token]
    return set.intersection(*some) if some else None


def _load(root: Path, sweep: Sweep, target: str, kinds: Sequence[str]) -> CellResult:
    cell = CellId(model=sweep.model, method=sweep.method, target=target, seed=sweep.seed, protocol=sweep.protocol)
    prune, reason = _read(root, sweep.prune_record(target), PruneRecord)
    evaluations = {}
    for kind in kinds:
        record, why = _read(root, sweep.evaluation_record(target, kind), EvaluationRecord)
        evaluations[kind] = record or EvaluationRecord(cell=cell, kind=kind, status="error", reason=why, key={})
    prune = prune or PruneRecord(cell=cell, status="error", reason=reason, key={})
    return CellResult(sweep, target, prune, evaluations)


def _read(root: Path, path: Path, kind: type[Record]) -> tuple[Record | None, str]:
    """A record, or why there is none."""
    try:
        return read_record(root / path, kind), f"no record: {path} is absent"
    except DamagedFile:
        return None, f"no record: {path} is damaged; run prunebench verify --fix, and snakemake to make it again"


def _one_line(text: str) -> str:
    return " ".join(text.split())
