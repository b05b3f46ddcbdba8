"""What a change does to published results: which cells it adds, removes or moves, and whether it may."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prunebench.errors import PrunebenchError
from prunebench.git import git
from prunebench.results.cells import CellResult
from prunebench.results.expected import PERPLEXITY
from prunebench.results.published.lines import cell_line, cell_name
from prunebench.results.published.publication import SUFFIX, Publication, parse, read_published
from prunebench.results.records import EvaluationRecord, PruneRecord
from prunebench.sweeps.keys import DATASET

What = Literal["added", "removed", "moved", "measured further", "made again"]
_Numbers = dict[tuple[str, str | None], str]  # by name and dataset, None where it is of none
_ITEMS = "items of "
_PARTS = "parts of "
_ADDED = " added"
_LOSSES = "losses of fine-tuning"
_PATCH = "patch"  # what came out of the pruning, not what it was made from
_UNTOLD = (_LOSSES, _PATCH)  # too long to say from what to what


@dataclass(frozen=True)
class Change:
    """One published cell that is not what it was.

    Attributes:
        method: without variant.
        cell: `protocol/model/method/seed0/target`.
        what: `measured further` is a cell that has the numbers it had and more; `made again` one whose numbers stayed,
            only not its times, its speeds, its notes or what it was made in.
        details: each number that moved, from what to what; of an added cell its perplexities, or why it has none.
        unexplained: those of them that were made from the same code, model and data as before.
    """

    method: str
    cell: str
    what: What
    details: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}  {self.cell}" + "".join(f"\n    {detail}" for detail in self.details)


def changes_since(folder: Path, ref: str) -> list[Change]:
    """How the published files in `folder` differ from those at a commit, cell by cell, by method.

    Raises:
        PrunebenchError: the folder is in no git repository, git does not know `ref`, or a file of either side cannot
            be read.
    """
    before = {name: _by_name(found) for name, found in published_at(folder, ref).items()}
    there = any(folder.glob(f"*{SUFFIX}"))
    now = {name: _by_name(found) for name, found in read_published(folder).items()} if there else {}
    return [
        change
        for method in sorted(before.keys() | now.keys())
        for change in _changes(method, before.get(method, {}), now.get(method, {}))
    ]


def published_at(folder: Path, ref: str) -> dict[str, Publication]:
    """The published files of a folder as they were at a commit; none where there was no such folder.

    Raises:
        PrunebenchError: as `changes_since`.
    """
    absolute = folder.resolve()
    above = next(path for path in (absolute, *absolute.parents) if path.is_dir())
    top = git(above, "rev-parse", "--show-toplevel")
    if top is None:
        raise PrunebenchError(f"{folder} is in no git repository, so there is nothing to compare it with")
    root = Path(top.strip())
    if git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") is None:
        raise PrunebenchError(f"git knows no {ref!r} here; fetch it, or name another commit or branch")
    inside = absolute.relative_to(root.resolve()).as_posix()
    listed = git(root, "ls-tree", "--name-only", ref, f"{inside}/") or ""
    found = {}
    for name in listed.splitlines():
        if name.endswith(SUFFIX):
            found[Path(name).stem] = parse(git(root, "show", f"{ref}:{name}") or "", f"{ref}:{name}")
    return found


def objections(changes: Collection[Change], changed: Collection[str] | None = None) -> list[str]:
    """Why these changes must not be, as one sentence each.

    Args:
        changed: the methods that may change at all; None allows all.
    """
    found = []
    for change in changes:
        if changed is not None and change.method not in changed:
            found.append(f"{change.cell} was {change.what}, but {change.method} is none of the methods that may change")
        elif change.unexplained:
            found.append(
                f"{change.cell} moved although it was made from the same code, model and data: {change.unexplained[0]}"
            )
    return found


def _by_name(publication: Publication) -> dict[str, CellResult]:
    return {cell_name(cell): cell for cell in publication.cells}


def _changes(method: str, before: Mapping[str, CellResult], now: Mapping[str, CellResult]) -> list[Change]:
    changes = []
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            changes.append(Change(method, name, "added", _main_numbers(now[name])))
        elif name not in now:
            changes.append(Change(method, name, "removed"))
        elif cell_line(before[name]) != cell_line(now[name]):
            changes.append(_change(method, name, before[name], now[name]))
    return changes


def _main_numbers(cell: CellResult) -> tuple[str, ...]:
    """A new cell's perplexities, or what became of it instead."""
    record = cell.evaluations.get(PERPLEXITY)
    status, reason = cell.outcome(record.kind if record else None)
    if status not in ("ok", "diverged"):
        return (f"{status}: {reason}" if reason else status,)
    measured = record.measurements if record else []
    return tuple(f"{found.metric} on {found.dataset}: {found.value:.6g}" for found in measured if found.value)


def _change(method: str, name: str, before: CellResult, now: CellResult) -> Change:
    further = []
    pruned = _differences(_numbers_of_pruning(before.prune), _numbers_of_pruning(now.prune))
    details = [detail for detail, _ in pruned]
    remade = _explained(before.prune, now.prune)
    unexplained = [] if remade else list(details)
    for kind in sorted(before.evaluations.keys() | now.evaluations.keys()):
        if kind not in before.evaluations:
            further.append(f"{kind} added")
            continue
        if kind not in now.evaluations:
            details.append(f"{kind} removed")
            unexplained += [] if remade else details[-1:]
            continue
        records = before.evaluations[kind], now.evaluations[kind]
        for detail, dataset in _differences(*map(_numbers, records)):
            if detail.endswith(_ADDED):
                further.append(detail)
                continue
            details.append(detail)
            if not remade and not _explained(*records, dataset):
                unexplained.append(detail)
    what: What = "moved" if details else "measured further" if further else "made again"
    return Change(method, name, what, (*details, *further), tuple(unexplained))


def _explained(
    before: PruneRecord | EvaluationRecord, now: PruneRecord | EvaluationRecord, dataset: str | None = None
) -> bool:
    """Whether two records were made from something else; of the data, that of one dataset or (None) any."""
    names = (before.key.keys() | now.key.keys()) - {_PATCH}
    return any(
        before.key.get(name) != now.key.get(name)
        for name in names
        if dataset is None or not name.startswith(DATASET) or name == DATASET + dataset
    )


def _numbers_of_pruning(record: PruneRecord) -> _Numbers:
    """What came out of a pruning."""
    sparsity = record.sparsity
    return {
        ("status", None): record.status,
        ("sparsity", None): "" if sparsity is None else repr(sparsity.measured),
        (_PARTS + "sparsity", None): repr(sparsity),
        (_LOSSES, None): repr(record.losses),
        (_PATCH, None): record.patch_sha256,
    }


def _numbers(record: EvaluationRecord) -> _Numbers:
    """What a record says; numbers as they are written, as NaN is equal to nothing.

    Of speed that is its status: each time it is timed the numbers are others.
    """
    numbers: _Numbers = {(f"status of {record.kind}", None): record.status}
    for found in record.measurements if record.kind != "speed" else ():
        name = " on ".join(filter(None, (found.metric, found.dataset)))
        said = repr(found.value) if found.text is None else repr(found.text)
        numbers[name, found.dataset] = said
        numbers[_ITEMS + name, found.dataset] = repr(found.items)
    return numbers


def _differences(before: _Numbers, now: _Numbers) -> list[tuple[str, str | None]]:
    """What moved, with the dataset it was measured on; where a value did, what its items did goes without saying."""
    found: list[tuple[str, str | None]] = []
    for name, dataset in dict.fromkeys((*before, *now)):
        a, b = before.get((name, dataset)), now.get((name, dataset))
        of = name.removeprefix(_ITEMS).removeprefix(_PARTS)
        if a == b or (of != name and before.get((of, dataset)) != now.get((of, dataset))):
            continue
        if a is None or b is None:
            found.append((f"{name} removed" if b is None else name + _ADDED, dataset))
        else:
            said = of == name and name not in _UNTOLD
            found.append((f"{name}: {a} -> {b}" if said else f"{name} moved", dataset))
    return found
