"""One published file: a first line with what its cells share, then one line per cell, always in the same order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prunebench.config import strict
from prunebench.config.protocols import Protocol
from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.results.cells import CellResult
from prunebench.results.published.lines import (
    Json,
    cell_line,
    cell_name,
    environment_name,
    read_cell,
    seal,
    unseal,
)

FORMAT = 1
SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Publication:
    """The published cells of one method and its variants.

    Attributes:
        method: its name without variant, which is the file's.
        protocols: by name, what the settings were.
        tasks: by protocol, the zero-shot tasks in the order of means over them.
        uncommitted: files of the package and of the method that were not committed when it was published.
        cells: with their records; not yet passed through any gate.
    """

    method: str
    protocols: Mapping[str, Protocol]
    tasks: Mapping[str, tuple[str, ...]]
    uncommitted: tuple[str, ...]
    cells: tuple[CellResult, ...]


class _Shared(strict.Strict):
    """The first line."""

    format: int
    method: str
    cells: int
    protocols: dict[str, Protocol]
    tasks: dict[str, tuple[str, ...]]
    environments: dict[str, Json]
    uncommitted: tuple[str, ...]


def laid_out(publication: Publication) -> str:
    """The text of its file; equal publications have equal texts, and a cell's line depends on nothing but the cell."""
    cells = sorted(publication.cells, key=_place)
    made_in = [r.provenance for cell in cells for r in (cell.prune, *cell.evaluations.values()) if r.provenance]
    environments = {environment_name(provenance): provenance for provenance in made_in}
    shared = _Shared(
        format=FORMAT,
        method=publication.method,
        cells=len(cells),
        protocols=dict(sorted(publication.protocols.items())),
        tasks=dict(sorted(publication.tasks.items())),
        environments=dict(sorted(environments.items())),
        uncommitted=publication.uncommitted,
    )
    lines = [shared.model_dump(mode="json"), *(cell_line(cell) for cell in cells)]
    return "".join(seal(line) + "\n" for line in lines)


def parse(text: str, where: str) -> Publication:
    """The inverse of `laid_out`.

    Args:
        where: the file, for messages; its name is the method's.

    Raises:
        PrunebenchError: it is another version's, or not one method's cells; file and line are named.
        DamagedFile: a line was edited or is missing.
    """
    lines = [unseal(line, f"{where}:{number}") for number, line in enumerate(text.removesuffix("\n").split("\n"), 1)]
    shared = _read_shared(lines[0], f"{where}:1")
    cells: dict[str, CellResult] = {}
    for number, line in enumerate(lines[1:], 2):
        cell = read_cell(line, shared.environments, f"{where}:{number}")
        name = cell_name(cell)
        if cell.sweep.method.partition("@")[0] != shared.method or cell.sweep.protocol not in shared.protocols:
            raise PrunebenchError(f"{where}:{number}: {name} is no cell of what the first line says; publish again")
        if name in cells:
            raise PrunebenchError(f"{where}:{number}: {name} is there twice; publish again")
        cells[name] = cell
    if len(cells) != shared.cells:
        raise DamagedFile(
            f"{where}: the first line says {shared.cells} cells and {len(cells)} are there; restore the file with git, "
            "or publish again"
        )
    if Path(where.rpartition(":")[2]).name != shared.method + SUFFIX:
        raise PrunebenchError(f"{where} holds cells of {shared.method}; it must be called {shared.method}{SUFFIX}")
    return Publication(shared.method, shared.protocols, shared.tasks, shared.uncommitted, tuple(cells.values()))


def read_published(folder: Path) -> dict[str, Publication]:
    """Every published file of a folder, by method.

    Raises:
        PrunebenchError: one cannot be read (`parse`), or there is none.
    """
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    if not paths:
        raise PrunebenchError(f"{folder} holds no published results; prunebench publish NAME writes them")
    return {path.stem: read_publication(path) for path in paths}


def read_publication(path: Path) -> Publication:
    """One published file.

    Raises:
        PrunebenchError: as `parse`, or it cannot be read.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise PrunebenchError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise DamagedFile(f"{path} is not what was published; restore it with git, or publish again") from None


def merged(earlier: Publication, later: Publication) -> Publication:
    """`later` with those cells of `earlier` that it does not have, which another config's grid has.

    Cells of a protocol whose settings are others by now are not kept: its name would mean two things.
    """
    named = {cell_name(cell) for cell in later.cells}
    both = earlier.protocols.keys() & later.protocols.keys()
    changed = {name for name in both if not same_meaning(earlier.protocols[name], later.protocols[name])}
    kept = [cell for cell in earlier.cells if cell_name(cell) not in named and cell.sweep.protocol not in changed]
    protocols = {**{cell.sweep.protocol: earlier.protocols[cell.sweep.protocol] for cell in kept}, **later.protocols}
    tasks = {name: joined(some.tasks.get(name, ()) for some in (later, earlier)) for name in protocols}
    return Publication(later.method, protocols, tasks, later.uncommitted, (*kept, *later.cells))


def same_meaning(settings: Protocol, others: Protocol) -> bool:
    """Whether numbers under the two compare."""
    return settings.model_copy(update={"title": ""}) == others.model_copy(update={"title": ""})


def joined(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Names of several lists, each once, in the order they come."""
    return tuple(dict.fromkeys(name for some in names for name in some))


def _read_shared(line: Json, where: str) -> _Shared:
    if line.get("format") != FORMAT:
        raise PrunebenchError(
            f"{where}: this is format {line.get('format')!r}, and this version reads format {FORMAT}; publish again"
        )
    return strict.parse(_Shared, line, where)


def _place(cell: CellResult) -> tuple[str, str, str, int, str]:
    sweep = cell.sweep
    return sweep.protocol, sweep.model, sweep.method, sweep.seed, cell.target
