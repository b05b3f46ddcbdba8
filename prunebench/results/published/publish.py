"""From a config's records to what is published of one method."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import prunebench
from prunebench.config.grid import Cell, expand
from prunebench.config.load import Config
from prunebench.config.schema import Kind
from prunebench.errors import unknown_name
from prunebench.files import write_text
from prunebench.git import uncommitted
from prunebench.layout import PUBLISHED
from prunebench.plugins.digest import method_digest
from prunebench.plugins.header import parse_variant
from prunebench.results.cells import CellResult, load_cells
from prunebench.results.provenance import uncommitted_method
from prunebench.results.published.publication import SUFFIX, Publication, laid_out, merged, read_publication
from prunebench.results.records import EvaluationRecord
from prunebench.results.stale import stale_as_errors
from prunebench.sweeps.keys import DATASET, datasets

_PACKAGE = Path(prunebench.__file__).parent


@dataclass(frozen=True)
class Written:
    """What became of a file: its cells, how many of them are kept from other configs, its bytes, whether it changed."""

    path: Path
    publication: Publication
    kept: int
    size: int
    changed: bool


def publishable(config: Config, method: str) -> tuple[Config, list[Cell]]:
    """The cells of a method and its variants, and the config whose grid has them.

    A method that the config does not list is added to it, and so published on the config's grid.

    Raises:
        PrunebenchError: there is no such method, or it can do none of the targets.
    """
    if method not in config.method_files:
        raise unknown_name("method", method, config.method_files, " and ".join(map(str, config.method_paths)))
    if method not in methods_of(config):
        config = config.model_copy(update={"methods": (method,)})
    return config, [cell for cell in expand(config).cells if parse_variant(cell.sweep.method)[0] == method]


def methods_of(config: Config) -> tuple[str, ...]:
    """The methods of a config's grid without variants, the dense model first."""
    return tuple(dict.fromkeys(parse_variant(sweep.method)[0] for sweep in expand(config).sweeps))


def current_cells(config: Config, cells: Sequence[Cell]) -> tuple[list[CellResult], list[Cell]]:
    """The records of these cells, and which have to be computed first: theirs are absent, damaged or of something else.

    The method's file counts even where the inputs are no longer there that a whole key is made from.
    """
    results = load_cells(Path(), cells, stale_as_errors(config))
    return results, [cell for cell, result in zip(cells, results, strict=True) if not _current(config, result)]


def write_published(config: Config, method: str, results: Iterable[CellResult]) -> Written:
    """Write a method's cells into its file, where cells of other configs stay as they are.

    A file whose cells are these already is not said to be of uncommitted code because that is there by now.

    Raises:
        PrunebenchError: the file that is there cannot be read.
    """
    path = Path(PUBLISHED, method + SUFFIX)
    earlier = path.read_text(encoding="utf-8") if path.exists() else ""
    new = Publication(
        method,
        {config.protocol: config.protocol_spec},
        {config.protocol: config.zeroshot_tasks if "zeroshot" in config.evaluate else ()},
        tuple(_uncommitted(config.method_files[method])),
        tuple(_of_config(config, result) for result in results),
    )
    whole = new
    if earlier:
        there = read_publication(path)
        whole = merged(there, new)
        if new.uncommitted and laid_out(same := replace(whole, uncommitted=there.uncommitted)) == earlier:
            whole = same
    text = laid_out(whole)
    if text != earlier:
        write_text(path, text)
    return Written(path, whole, len(whole.cells) - len(new.cells), len(text), text != earlier)


def _current(config: Config, result: CellResult) -> bool:
    """Whether the pruning is of the method's file as it is, and each evaluation has all the datasets it should have."""
    code = config.method_files[parse_variant(result.sweep.method)[0]]
    return result.prune.key.get("method") == method_digest(code) and all(
        record.key and all(DATASET + name in record.key for name in _datasets(config, result, kind))
        for kind, record in result.evaluations.items()
    )


def _datasets(config: Config, result: CellResult, kind: str) -> Sequence[str]:
    return result.tasks if kind == "zeroshot" and result.tasks else datasets(config, cast(Kind, kind))


def _of_config(config: Config, result: CellResult) -> CellResult:
    """The cell without what its records have of texts and tasks beyond the config's."""
    evaluations = {kind: _cut(record, _datasets(config, result, kind)) for kind, record in result.evaluations.items()}
    return replace(result, evaluations=evaluations)


def _cut(record: EvaluationRecord, wanted: Sequence[str]) -> EvaluationRecord:
    dropped = {
        name.removeprefix(DATASET)
        for name in record.key
        if name.startswith(DATASET) and name.removeprefix(DATASET) not in wanted
    }
    update: dict[str, Any] = {
        "key": {name: digest for name, digest in record.key.items() if name.removeprefix(DATASET) not in dropped},
        "measurements": [found for found in record.measurements if found.dataset not in dropped],
    }
    return record.model_copy(update=update)


def _uncommitted(code: Path) -> list[str]:
    """What of the package, of the method's file and of the data files beside it is in no commit."""
    return sorted({*uncommitted(_PACKAGE, _PACKAGE), *uncommitted_method(code)})
