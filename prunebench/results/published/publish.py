"""From a config's records to what is published of one method."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
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
from prunebench.plugins.header import parse_variant
from prunebench.results.cells import CellResult, load_cells
from prunebench.results.provenance import uncommitted_method
from prunebench.results.published.lines import cell_name
from prunebench.results.published.merge import merged
from prunebench.results.published.publication import (
    SUFFIX,
    Publication,
    laid_out,
    read_publication,
    refuse_second_dense,
)
from prunebench.results.records import EvaluationRecord
from prunebench.results.stale import stale_as_errors
from prunebench.sweeps.keys import DATASET, datasets, prune_settings, run_settings

_PACKAGE = Path(prunebench.__file__).parent


@dataclass(frozen=True)
class Written:
    """What became of a file: its cells, its bytes, and whether it changed.

    Attributes:
        kept: how many of the cells are kept from other configs.
        dropped: how much of what was there no longer holds, by what it is.
    """

    path: Path
    publication: Publication
    kept: int
    dropped: Mapping[str, int]
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

    Code and settings count even where the inputs are no longer there that a whole key is made from.
    """
    results = load_cells(Path(), cells, stale_as_errors(config))
    return results, [cell for cell, result in zip(cells, results, strict=True) if not _current(config, result)]


def write_published(config: Config, method: str, results: Iterable[CellResult]) -> Written:
    """Write a method's cells into its file, where what other configs made stays (`merge.merged`).

    A file whose cells are these already is not said to be of uncommitted code because that is there by now.

    Raises:
        PrunebenchError: the file that is there cannot be read or has what these cells lack, or a model would get a
            second dense row.
    """
    path = Path(PUBLISHED, method + SUFFIX)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    earlier = read_publication(path) if before else None
    there = {cell_name(cell): cell for cell in earlier.cells} if earlier else {}
    new = Publication(
        method,
        {config.protocol: config.protocol_spec},
        {config.protocol: config.zeroshot_tasks if "zeroshot" in config.evaluate else ()},
        tuple(_uncommitted(config.method_files[method])),
        tuple(_of_config(config, result, there.get(cell_name(result))) for result in results),
    )
    whole, dropped = (new, Counter[str]()) if earlier is None else merged(earlier, new)
    if earlier and new.uncommitted and laid_out(same := replace(whole, uncommitted=earlier.uncommitted)) == before:
        whole = same
    refuse_second_dense(whole.cells, str(path))
    text = laid_out(whole)
    if text != before:
        write_text(path, text)
    return Written(path, whole, len(whole.cells) - len(new.cells), dropped, len(text), text != before)


def _current(config: Config, result: CellResult) -> bool:
    """Whether all records say that they were made by this config, each evaluation on all its datasets."""
    pruned, evaluated = prune_settings(config, result.sweep), run_settings(config)
    return pruned.items() <= result.prune.key.items() and all(
        evaluated.items() <= record.key.items()
        and all(DATASET + name in record.key for name in _datasets(config, result, kind))
        for kind, record in result.evaluations.items()
    )


def _datasets(config: Config, result: CellResult, kind: str) -> Sequence[str]:
    return result.tasks if kind == "zeroshot" and result.tasks else datasets(config, cast(Kind, kind))


def _of_config(config: Config, result: CellResult, earlier: CellResult | None) -> CellResult:
    """The cell without what its records have of texts and tasks beyond the config's, and beyond what is published."""
    published = earlier.evaluations if earlier else {}
    evaluations = {
        kind: _cut(record, {*_datasets(config, result, kind), *_same_data(record, published.get(kind))})
        for kind, record in result.evaluations.items()
    }
    return replace(result, evaluations=evaluations)


def _same_data(record: EvaluationRecord, published: EvaluationRecord | None) -> list[str]:
    """The datasets whose digests two records agree in."""
    shared = record.key.items() & (published.key.items() if published else set())
    return [name.removeprefix(DATASET) for name, _ in shared if name.startswith(DATASET)]


def _cut(record: EvaluationRecord, wanted: Collection[str]) -> EvaluationRecord:
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
