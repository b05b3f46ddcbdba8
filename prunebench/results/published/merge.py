"""A method published anew, from another config than before: what stays of what is there, and what does not."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import get_args

from prunebench.config.schema import Kind
from prunebench.errors import PrunebenchError
from prunebench.results.cells import CellResult
from prunebench.results.published.lines import cell_name, measured_tasks
from prunebench.results.published.publication import Publication, joined, settings_used
from prunebench.results.records import EvaluationRecord
from prunebench.sweeps.keys import DATASET
from prunebench.sweeps.merge import same_but_for_datasets

OTHER_CODE = "cells that the method's code as it was made"
OTHER_SETTINGS = "cells made under other settings of their protocol than the present ones"
OTHER_EVALUATION = "evaluations under other settings of their protocol than the present ones"
OTHER_PRUNING = "evaluations of what another pruning of the cell made"

_DECIDES_ALL = {"dtype", "calibration"}


def merged(earlier: Publication, later: Publication) -> tuple[Publication, Counter[str]]:
    """`later` with what `earlier` has beyond it that still holds, and how much of what does not.

    Cells that another config's grid has stay, and of its own cells the kinds of evaluation that `later` did not make.
    Not so what was made by other code of the method or under other settings of a protocol, whose name would mean two
    things, nor what was measured on another patch than the cell has now.

    Raises:
        PrunebenchError: a cell of `earlier` was measured on tasks that `later` left out.
    """
    code = {cell.prune.key.get("method") for cell in later.cells}
    changed = {name: _changed(earlier, later, name) for name in earlier.protocols}
    cells = {cell_name(cell): cell for cell in later.cells}
    dropped: Counter[str] = Counter()
    stays = False
    for cell in earlier.cells:
        name, settings = cell_name(cell), changed[cell.sweep.protocol]
        now = cells.get(name)
        if cell.prune.key.get("method") not in code or settings & _DECIDES_ALL:
            if now is None:
                dropped[OTHER_CODE if cell.prune.key.get("method") not in code else OTHER_SETTINGS] += 1
            continue
        held = {kind: record for kind, record in cell.evaluations.items() if kind not in settings}
        made = set(now.evaluations) if now else set()
        dropped[OTHER_EVALUATION] += len(cell.evaluations.keys() - held.keys() - made)
        if now is None:
            cells[name], stays = replace(cell, evaluations=held), True
        elif now.prune.key == cell.prune.key and now.prune.patch_sha256 == cell.prune.patch_sha256:
            _refuse_lost_tasks(name, held, now.evaluations)
            stays |= bool(held.keys() - made)
            cells[name] = replace(now, evaluations=_in_order({**held, **now.evaluations}))
        else:
            dropped[OTHER_PRUNING] += len(held.keys() - made)
    uncommitted = {*later.uncommitted, *(earlier.uncommitted if stays else ())}
    return _publication(earlier, later, cells.values(), uncommitted), +dropped


def _changed(earlier: Publication, later: Publication, protocol: str) -> set[str]:
    """The parts of a protocol's settings that `earlier` depends on and `later` has otherwise."""
    if protocol not in later.protocols:
        return set()
    used, present = settings_used(earlier, protocol), later.protocols[protocol]
    return {part for part, settings in used.items() if settings != getattr(present, part)}


def _publication(
    earlier: Publication, later: Publication, cells: Collection[CellResult], uncommitted: Collection[str]
) -> Publication:
    named = [replace(cell, tasks=measured_tasks(cell.evaluations)) for cell in cells]
    kept = {cell.sweep.protocol for cell in named} - later.protocols.keys()
    protocols = {**{name: earlier.protocols[name] for name in kept}, **later.protocols}
    # The order of tasks is that of means over them; those that nothing was measured on any more are gone.
    measured = {(cell.sweep.protocol, task) for cell in named for task in cell.tasks}
    tasks = {name: joined(some.tasks.get(name, ()) for some in (later, earlier)) for name in protocols}
    kept_tasks = {name: tuple(task for task in some if (name, task) in measured) for name, some in tasks.items()}
    return Publication(later.method, protocols, kept_tasks, tuple(sorted(uncommitted)), tuple(named))


def _refuse_lost_tasks(
    cell: str, earlier: Mapping[str, EvaluationRecord], later: Mapping[str, EvaluationRecord]
) -> None:
    """Measured at two times, the tasks of a cell are not put together here; what costs they had could not be told."""
    for kind in earlier.keys() & later.keys():
        before, now = earlier[kind], later[kind]
        lost = [name.removeprefix(DATASET) for name in before.key.keys() - now.key.keys() if name.startswith(DATASET)]
        if lost and same_but_for_datasets(before, now.key):
            raise PrunebenchError(
                f"{cell} is published with {', '.join(sorted(lost))}, which the records here lack; publish it from a "
                "config that measures that too, or remove the published file first"
            )


def _in_order(evaluations: Mapping[str, EvaluationRecord]) -> dict[str, EvaluationRecord]:
    return {kind: evaluations[kind] for kind in get_args(Kind) if kind in evaluations}
