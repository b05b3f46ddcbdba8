"""One published file: a first line with what its cells share, then one line per cell, always in the same order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from prunebench.config import strict
from prunebench.config.protocols import Protocol
from prunebench.config.schema import Kind
from prunebench.config.strict import Strict
from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.plugins.header import parse_variant
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
from prunebench.targets import DENSE

FORMAT = 1
SUFFIX = ".jsonl"
_OF_ALL = ("dtype", "calibration")


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


class _Shared(Strict):
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
        if parse_variant(cell.sweep.method)[0] != shared.method or cell.sweep.protocol not in shared.protocols:
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
    refuse_second_dense(cells.values(), where)
    return Publication(shared.method, shared.protocols, shared.tasks, shared.uncommitted, tuple(cells.values()))


def refuse_second_dense(cells: Iterable[CellResult], where: str) -> None:
    """See to it that all cells of a model and protocol are compared with one dense row.

    Raises:
        PrunebenchError: there are two.
    """
    seeds: dict[tuple[str, str], int] = {}
    for cell in cells:
        model, protocol, seed = cell.sweep.model, cell.sweep.protocol, cell.sweep.seed
        if cell.target == DENSE.token and seeds.setdefault((model, protocol), seed) != seed:
            raise PrunebenchError(
                f"{where}: the dense row of {model} under {protocol} would be there with seed "
                f"{seeds[model, protocol]} and with seed {seed}, and what is compared with it needs one; publish it "
                "from a config whose first seed is that of the row that is there"
            )


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


def settings_used(publication: Publication, protocol: str) -> dict[str, Strict]:
    """The parts of a protocol's settings that its published cells depend on: of the kinds of evaluation they have.

    What is calibrated on, and the dtype, is of all.
    """
    kinds = {kind for cell in publication.cells if cell.sweep.protocol == protocol for kind in cell.evaluations}
    settings = publication.protocols[protocol]
    return {name: getattr(settings, name) for name in (*_OF_ALL, *(kind for kind in get_args(Kind) if kind in kinds))}


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
