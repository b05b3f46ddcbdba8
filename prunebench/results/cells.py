"""Every cell of a grid with its records, whatever became of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Protocol

from prunebench.errors import DamagedFile
from prunebench.layout import Sweep
from prunebench.results.expected import PERPLEXITY
from prunebench.results.records import CellId, EvaluationRecord, Measurement, PruneRecord, Record, Status, read_record
from prunebench.targets import DENSE

# By model, protocol and dataset: the perplexity the dense model is known to have.
References = Mapping[str, Mapping[str, Mapping[str, float]]]

REFERENCE_TOLERANCE = 0.02
_ANSWERED = ("ok", "diverged")
_MACHINE = ("cpu", "cores", "gpu")


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
    """

    sweep: Sweep
    target: str
    prune: PruneRecord
    evaluations: Mapping[str, EvaluationRecord]
    rejection: str = ""
    tasks: tuple[str, ...] = ()

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
    root: Path,
    cells: Iterable[GridCell],
    references: References | None = None,
    check: Callable[[CellResult], CellResult] = lambda result: result,
) -> list[CellResult]:
    """Read the records of all cells and pass each model through two gates.

    The records lie under the project root; of evaluations there are the kinds the cell gets.
    A model whose dense perplexity is known for the protocol and deviates from it by more than
    `REFERENCE_TOLERANCE` was not evaluated as the protocol says: all its cells are rejected. So are cells
    made in another dtype or on another kind of device than their dense row; and speeds timed on another machine.

    Args:
        check: replaces records that are not what they should be (`stale.stale_as_errors`).
    """
    results = [replace(check(_load(root, c.sweep, c.target, c.kinds)), tasks=tuple(c.tasks)) for c in cells]
    dense = {(r.sweep.model, r.sweep.protocol): r for r in results if r.target == DENSE.token}
    rejections: dict[tuple[str, str], str] = {}
    for (model, protocol), result in dense.items():
        known = (references or {}).get(model, {}).get(protocol, {})
        if PERPLEXITY in result.evaluations and (reason := _deviation(result, known)):
            rejections[model, protocol] = reason

    def rejection(result: CellResult) -> str:
        key = result.sweep.model, result.sweep.protocol
        return rejections.get(key) or (_other_numbers(result, dense[key]) if key in dense else "")

    def timed(result: CellResult) -> CellResult:
        key = result.sweep.model, result.sweep.protocol
        return _timed_elsewhere(result, dense[key]) if key in dense else result

    return [timed(replace(result, rejection=rejection(result))) for result in results]


def shared_tasks(results: Iterable[CellResult]) -> set[str] | None:
    """The tasks that every cell with zero-shot tasks gets; None where each gets all."""
    some = [set(result.tasks) for result in results if "zeroshot" in result.evaluations and result.tasks]
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


def _other_numbers(result: CellResult, dense: CellResult) -> str:
    """How the dtype or the device of a cell differs from its dense row's in a step both went through, or nothing."""
    steps: list[tuple[PruneRecord | EvaluationRecord, ...]] = [(result.prune, dense.prune)]
    steps += [(record, dense.evaluations[kind]) for kind, record in result.evaluations.items()]
    for records in steps:
        if all(record.status in _ANSWERED for record in records):
            made, reference = ((r.provenance.get("dtype"), r.provenance.get("device")) for r in records)
            if made != reference:
                return (
                    f"made in {made[0]} on {made[1]}, the dense row in {reference[0]} on {reference[1]}; "
                    "numbers of the two do not compare"
                )
    return ""


def _timed_elsewhere(result: CellResult, dense: CellResult) -> CellResult:
    """The cell with its speed rejected if it was timed on another machine than the dense row's."""
    record, reference = (r.evaluations.get("speed") for r in (result, dense))
    if record is None or reference is None or not record.status == reference.status == "ok":
        return result
    here, there = ([str(r.provenance.get(part)) for part in _MACHINE] for r in (record, reference))
    if here == there:
        return result
    differing = [(a, b) for a, b in zip(here, there, strict=True) if a != b]
    reason = (
        f"timed on {', '.join(a for a, _ in differing)}, the dense row on {', '.join(b for _, b in differing)}; speeds "
        "of two machines do not compare: delete the speed.json of one of them and run snakemake again"
    )
    rejected = EvaluationRecord(cell=record.cell, kind=record.kind, status="rejected", reason=reason, key={})
    return replace(result, evaluations={**result.evaluations, "speed": rejected})


def _deviation(dense: CellResult, known: Mapping[str, float]) -> str:
    """How the dense model misses its reference on the first text it does, or nothing."""
    if dense.outcome(PERPLEXITY)[0] not in _ANSWERED:
        return ""  # not measured: the dense row itself says so
    for dataset, reference in known.items():
        measurement = dense.measurement(PERPLEXITY, PERPLEXITY, dataset)
        if measurement is None:
            continue
        value = measurement.value
        if value is None or not isfinite(value):
            return f"the dense model's perplexity on {dataset} is not finite, its reference is {reference:g}"
        if abs(value / reference - 1) > REFERENCE_TOLERANCE:
            return (
                f"the dense model's perplexity on {dataset} is {value:.4g}, {value / reference - 1:+.1%} from its "
                f"reference {reference:g}; more than {REFERENCE_TOLERANCE:.0%} means another checkpoint or protocol"
            )
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
