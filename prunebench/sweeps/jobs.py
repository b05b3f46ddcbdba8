"""What a job does: bring the records of one sweep up to date, computing only the cells that need it.

These functions run in the script's own process, which never imports torch: if every record is current
they are done at once, otherwise a worker computes the cells and this process writes their records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunebench.config.grid import expand
from prunebench.config.schema import Kind
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file
from prunebench.layout import Sweep
from prunebench.plugins.header import parse_variant, read_header
from prunebench.results.provenance import provenance
from prunebench.results.records import EvaluationRecord, PruneRecord, load_record, save_record
from prunebench.sweeps import keys
from prunebench.sweeps.failure import save_failure_patch
from prunebench.sweeps.job import Job, Read, cost_of
from prunebench.sweeps.merge import extended, may_extend, unmeasured
from prunebench.sweeps.supervisor import Outcome
from prunebench.worklock import alone


def prune_sweep(config: Mapping[str, Any], sweep: str, targets: Sequence[str], log: Path, attempt: int = 1) -> None:
    """Make the patch and the prune record of each target that has no current ones.

    A method's failure is recorded, with a patch file that only says so.

    Args:
        config: what `load_config` takes.
        sweep: a sweep in its path form.
        targets: target tokens.
        log: appended to.
        attempt: how often the job has been started, this time included.

    Raises:
        PrunebenchError: trouble that is not the method's (an input is missing, the model does not load, the
            disk is full); every cell finished before it is kept.
    """
    job = Job.start(config, sweep, log, "prune", attempt)
    wanted = {target: keys.prune_key(job.config, job.sweep, target) for target in targets}
    pending = [target for target in targets if not _pruned(job, target, wanted[target], load_record)]
    with alone([job.sweep.prune_record(target) for target in pending], job.log.line):
        # Somebody else may have been working on them, and have finished some by now.
        _prune(job, wanted, [target for target in pending if not _pruned(job, target, wanted[target], job.read)])


def _prune(job: Job, wanted: Mapping[str, dict[str, str]], pending: Sequence[str]) -> None:
    job.announce(pending, len(wanted))

    def keep(target: str, outcome: Outcome, made_by: dict[str, Any]) -> None:
        job.refuse_if_changed(target, wanted[target], keys.prune_key(job.config, job.sweep, target))
        patch, reply = job.sweep.patch(target), outcome.reply
        if outcome.status != "ok":
            save_failure_patch(patch, outcome.status, outcome.reason)
        record = PruneRecord(
            cell=job.cell(target),
            status=outcome.status,
            reason=outcome.reason,
            key=wanted[target],
            cost=cost_of(outcome),
            provenance=made_by,
            sparsity=reply.get("sparsity"),
            patch_sha256=sha256_file(patch),
            notes=reply.get("notes", []),
            losses=reply.get("losses", []),
        )
        save_record(job.sweep.prune_record(target), record)

    for target in pending:
        _remove_unfinished(job.sweep.patch(target))
    if pending and (reason := _why_unreadable(job)):
        for target in pending:
            job.tell(target, Outcome("error", reason))
            keep(target, Outcome("error", reason), provenance(job.config.threads))
    else:
        job.compute([{"target": target} for target in pending], None, keep)


def evaluate_sweep(
    config: Mapping[str, Any], sweep: str, kind: Kind, targets: Sequence[str], log: Path, attempt: int = 1
) -> None:
    """Make the record of one kind of evaluation of each target that has no current one.

    A record that lacks only some texts or tasks is extended by those. A cell that could not be pruned gets
    the status and the reason it has there.

    Args and errors: as `prune_sweep`.
    """
    job = Job.start(config, sweep, log, kind, attempt)
    todo = _Evaluation.of(job, kind, targets, load_record)
    with alone([job.sweep.evaluation_record(target, kind) for target in todo.pending], job.log.line):
        _evaluate(job, kind, _Evaluation.of(job, kind, targets, job.read) if todo.pending else todo)


def _evaluate(job: Job, kind: Kind, todo: "_Evaluation") -> None:
    pruned, wanted = todo.pruned, todo.wanted
    job.announce(todo.pending, len(wanted))

    def keep(target: str, outcome: Outcome, made_by: dict[str, Any]) -> None:
        job.refuse_if_changed(target, wanted[target], todo.key_now(job, kind, target))
        record = EvaluationRecord(
            cell=job.cell(target),
            status=outcome.status,
            reason=outcome.reason,
            key=wanted[target],
            cost=cost_of(outcome),
            provenance=made_by,
            kind=kind,
            measurements=outcome.reply.get("measurements", []),
        )
        earlier = todo.present[target]
        if earlier is not None and may_extend(earlier, wanted[target]):
            record = extended(earlier, record)
        save_record(job.sweep.evaluation_record(target, kind), record)

    cells: dict[str, list[dict[str, Any]]] = {}
    for target in todo.pending:
        if pruned[target].status != "ok":
            outcome = Outcome(pruned[target].status, pruned[target].reason)
            job.tell(target, outcome)
            keep(target, outcome, pruned[target].provenance)
            continue
        patch, sha256 = job.sweep.patch(target), pruned[target].patch_sha256
        dtype = pruned[target].provenance["dtype"]
        cells.setdefault(dtype, []).append(
            {"target": target, "patch": str(patch), "sha256": sha256, "datasets": todo.missing[target]}
        )
    # A patch fits the model in the dtype it was made in, whatever this machine would have chosen.
    for dtype, alike in cells.items():
        job.compute(alike, dtype, keep)


@dataclass(frozen=True)
class _Evaluation:
    """What one kind of evaluation of a sweep has, wants and lacks, by target."""

    pruned: Mapping[str, PruneRecord]
    tasks: Mapping[str, Sequence[str]]
    wanted: Mapping[str, dict[str, str]]
    present: Mapping[str, EvaluationRecord | None]
    missing: Mapping[str, list[str]]

    @classmethod
    def of(cls, job: Job, kind: Kind, targets: Sequence[str], read: Read[EvaluationRecord]) -> "_Evaluation":
        pruned = {target: _prune_record(job.sweep, target) for target in targets}
        tasks = expand(job.config).tasks(job.sweep) if kind == "zeroshot" else {}
        wanted = {
            t: keys.evaluation_key(job.config, job.sweep, kind, pruned[t].patch_sha256, tasks.get(t, ()))
            for t in targets
        }
        present = {t: read(job.sweep.evaluation_record(t, kind), EvaluationRecord) for t in targets}
        return cls(pruned, tasks, wanted, present, {t: unmeasured(present[t], wanted[t]) for t in targets})

    def key_now(self, job: Job, kind: Kind, target: str) -> dict[str, str]:
        """The cell's key with the input files as they are at this moment."""
        patch, tasks = self.pruned[target].patch_sha256, self.tasks.get(target, ())
        return keys.evaluation_key(job.config, job.sweep, kind, patch, tasks)

    @property
    def pending(self) -> list[str]:
        return [target for target, datasets in self.missing.items() if datasets]


def _pruned(job: Job, target: str, key: dict[str, str], read: Read[PruneRecord]) -> bool:
    """Whether the cell's record is current and its patch the one it speaks of."""
    record = read(job.sweep.prune_record(target), PruneRecord)
    return record is not None and record.key == key and _is_file_with(job.sweep.patch(target), record.patch_sha256)


def _prune_record(sweep: Sweep, target: str) -> PruneRecord:
    path = sweep.prune_record(target)
    record = load_record(path, PruneRecord)
    if record is None:
        raise PrunebenchError(
            f"{path} is missing or damaged; run prunebench verify --fix, and snakemake to prune this cell again"
        )
    return record


def _is_file_with(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_file(path) == sha256


def _remove_unfinished(path: Path) -> None:
    """Remove what killed workers left of their attempts to write `path`."""
    for leftover in path.parent.glob(f".{path.name}.*"):
        leftover.unlink(missing_ok=True)


def _why_unreadable(job: Job) -> str:
    """Why no worker needs to try this method: its file is no method at all. Empty if it is one."""
    try:
        read_header(job.config.method_files[parse_variant(job.sweep.method)[0]])
    except PrunebenchError as error:
        return str(error)
    return ""
