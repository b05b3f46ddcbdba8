"""Records of something else than the config says: Snakemake was told not to remake them, or died before it did."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from prunebench.config.grid import expand
from prunebench.config.load import Config
from prunebench.config.schema import Kind
from prunebench.errors import PrunebenchError
from prunebench.layout import Sweep
from prunebench.results.cells import CellResult, load_cells
from prunebench.results.records import EvaluationRecord, PruneRecord
from prunebench.sweeps.keys import evaluation_key, prune_key
from prunebench.sweeps.merge import same_but_for_datasets

_REASON = "its record was made from something else; run snakemake again"


def stale_as_errors(config: Config) -> Callable[[CellResult], CellResult]:
    """A function that replaces the stale records of a cell by ones of status `error`.

    A record is stale if its key is not what the config and the job's input files, as they are now, give. A
    dataset that a record lacks or has beyond the config's makes none stale: the rows of that dataset say so.
    Where an input file is no longer there, nothing can be compared, and its records are believed.
    """
    pruned = cache(lambda sweep: _known(lambda: prune_key(config, sweep, "")))

    # Only the patch differs between the methods, seeds and targets of a model.
    @cache
    def evaluated(model: Sweep, kind: Kind) -> dict[str, str] | None:
        return _known(lambda: evaluation_key(config, model, kind, ""))

    def check(result: CellResult) -> CellResult:
        sweep, prune, evaluations = result.sweep, result.prune, dict(result.evaluations)
        key = pruned(sweep)
        if prune.key and key is not None and prune.key != {**key, "target": result.target}:
            prune = PruneRecord(cell=prune.cell, status="error", reason=_REASON, key={})
        for kind in config.evaluate:
            if kind not in evaluations:
                continue  # not wanted of this cell
            record, key = evaluations[kind], evaluated(replace(sweep, method="", seed=0), kind)
            wanted = None if key is None else {**key, "patch": result.prune.patch_sha256}
            if record.key and wanted is not None and not same_but_for_datasets(record, wanted):
                evaluations[kind] = EvaluationRecord(
                    cell=record.cell, kind=kind, status="error", reason=_REASON, key={}
                )
        return replace(result, prune=prune, evaluations=evaluations)

    return check


def stale_records(config: Config) -> list[Path]:
    """The records of the config's cells that were made from something else than it and its input files now say."""
    check, stale = stale_as_errors(config), []
    for result in load_cells(Path(), expand(config).cells):
        checked = check(result)
        if checked.prune is not result.prune:
            stale.append(result.sweep.prune_record(result.target))
        stale += [
            result.sweep.evaluation_record(result.target, kind)
            for kind, record in result.evaluations.items()
            if checked.evaluations[kind] is not record
        ]
    return stale


def _known(key: Callable[[], dict[str, str]]) -> dict[str, str] | None:
    try:
        return key()
    except (PrunebenchError, OSError):  # an input file is missing, damaged or cannot be read
        return None
