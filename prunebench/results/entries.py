"""The cells in `provenance.json`: of each what `metrics.csv` has no column for, in few bytes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prunebench.results.cells import CellResult
from prunebench.results.records import EvaluationRecord, PruneRecord

_OF_THE_CELL = ("target", "patch")  # in keys; all else is shared by many cells
_DIGITS = 4

Json = dict[str, Any]


def cell_entries(
    results: Sequence[CellResult], environment: Callable[[Mapping[str, Any]], int | None]
) -> tuple[list[Json], list[dict[str, str]]]:
    """An entry per cell, in the order of `results`, and the keys that they share.

    Args:
        environment: the number of a record's provenance in the list of `environments`; None for an empty one.

    Returns:
        Entries with `protocol`, `model`, `method`, `target`, `seed`; `settings`, the number of what its run's config
        said in the list `settings` (0: of one run there is one); `records`: by step (`prune` and each kind of
        evaluation it gets) the number of its environment and that of its key, each None where there is no record;
        and, where there are such, `tasks` (if it gets only some), `patch` (SHA-256), `blocks` (measured sparsity of
        each decoder block, of the prunable weights, in order, to four digits; one number if all are the same) and
        `notes`. The keys are those of the records (`sweeps.keys`) without the target and the patch.
    """
    keys: dict[tuple[tuple[str, str], ...], int] = {}

    def made_from(record: PruneRecord | EvaluationRecord) -> list[int | None]:
        shared = tuple(item for item in record.key.items() if item[0] not in _OF_THE_CELL)
        return [environment(record.provenance), keys.setdefault(shared, len(keys)) if shared else None]

    entries = []
    for result in results:
        sweep, prune = result.sweep, result.prune
        optional = {
            "tasks": list(result.tasks),
            "patch": prune.patch_sha256,
            "blocks": _blocks(prune.sparsity.blocks) if prune.sparsity else [],
            "notes": prune.notes,
        }
        entries.append({
            "protocol": sweep.protocol, "model": sweep.model, "method": sweep.method, "target": result.target,
            "seed": sweep.seed, "settings": 0,
            "records": {"prune": made_from(prune), **{k: made_from(r) for k, r in result.evaluations.items()}},
            **{name: value for name, value in optional.items() if value},
        })  # fmt: skip
    return entries, [dict(key) for key in keys]


def _blocks(measured: Sequence[float]) -> list[float]:
    rounded = [round(share, _DIGITS) for share in measured]
    return rounded[:1] if len(set(rounded)) == 1 else rounded
