"""From published files to `metrics.csv` and `provenance.json`, the way a run's own records go; nothing is computed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from prunebench import ENGINE_VERSION
from prunebench.config.load import DENSE_METHOD, Config
from prunebench.config.protocols import Protocol
from prunebench.config.schema import Kind
from prunebench.config.strict import Strict
from prunebench.errors import PrunebenchError, unknown_name
from prunebench.plugins.digest import method_digest
from prunebench.plugins.header import parse_variant
from prunebench.results.cells import CellResult
from prunebench.results.gates import gated
from prunebench.results.published.lines import cell_name
from prunebench.results.published.publication import SUFFIX, Publication, joined, read_published, settings_used
from prunebench.targets import DENSE

CODE_CHANGED = "the method's code has changed since this was published"
ENGINE_CHANGED = "the engine has changed since this was published"


def published_runs(config: Config, folder: Path) -> dict[str, tuple[Config, list[CellResult]]]:
    """The published cells by protocol, each with the config that would have made them, in that one's order.

    Args:
        config: the project's, for titles, known perplexities, method files, and the order of models and methods;
            what it says of the grid does not count.

    Raises:
        PrunebenchError: a file is damaged or of another version, its method's file is gone, a model has no dense row,
            the settings of a protocol differ between files, or a name is not in the registries.
    """
    published = read_published(folder)
    for method in published:
        if method not in config.method_files:
            raise PrunebenchError(
                f"{folder / (method + SUFFIX)}: there is no method file {method}.py in "
                f"{' or '.join(map(str, config.method_paths))}; restore it, or remove what was published of it"
            )
    digests = {method: method_digest(config.method_files[method]) for method in published}
    cells = [_marked(cell, digests[name]) for name, found in published.items() for cell in found.cells]
    runs = {}
    for protocol in sorted({cell.sweep.protocol for cell in cells}):
        run = _as_config(config, folder, protocol, published, [c for c in cells if c.sweep.protocol == protocol])
        some = [_tasks_named(run, cell) for cell in cells if cell.sweep.protocol == protocol]
        runs[protocol] = run, sorted(some, key=lambda cell: _place(run, cell))
        _check_dense(folder, protocol, some)
    return runs


def published_cells(config: Config, folder: Path) -> list[CellResult]:
    """All published cells, as the gates let them pass.

    Raises:
        PrunebenchError: as `published_runs`.
    """
    runs = published_runs(config, folder).values()
    return [cell for _, cells in runs for cell in gated(cells, config.references)]


def rejections(cells: Iterable[CellResult]) -> list[str]:
    """Which of the cells must not be ranked with the others, and why, as one sentence each."""
    return [f"{cell_name(cell)} is rejected: {cell.rejection}" for cell in cells if cell.rejection]


def _as_config(
    config: Config, folder: Path, protocol: str, published: Mapping[str, Publication], cells: list[CellResult]
) -> Config:
    """The config whose run has these cells."""
    having = {name: found for name, found in published.items() if protocol in found.protocols}
    settings = _settings(folder, protocol, having)
    models = _ordered({cell.sweep.model for cell in cells}, config.models)
    tasks = joined(found.tasks[protocol] for found in having.values())
    tuned_on = [str(text) for cell in cells if (text := parse_variant(cell.sweep.method)[1].get("lora_text"))]
    for what, names, known in (
        ("model", models, config.model_registry),
        ("text", (settings.calibration.text, *settings.perplexity.texts, *tuned_on), config.data.texts),
        ("task", tasks, config.data.tasks),
    ):
        for name in names:
            if name not in known:
                raise unknown_name(what, name, known, f"{folder}, protocol {protocol!r}")
    kinds = {kind for cell in cells for kind in cell.evaluations}
    return config.model_copy(
        update={
            "protocol": protocol,
            "protocol_spec": settings,
            "models": models,
            "methods": _ordered({cell.sweep.method for cell in cells}, (DENSE_METHOD, *config.methods)),
            "targets": _ordered({cell.target for cell in cells} - {DENSE.token}, config.targets),
            "seeds": tuple(sorted({cell.sweep.seed for cell in cells})),
            "evaluate": tuple(kind for kind in get_args(Kind) if kind in kinds),
            "zeroshot_tasks": tasks,
            "paper": None,
            "paper_layout": None,
        }
    )


def _settings(folder: Path, protocol: str, having: Mapping[str, Publication]) -> Protocol:
    """The settings of a protocol, each part from files that depend on it; those must have the same."""
    parts: dict[str, tuple[str, Strict]] = {}
    for name, found in having.items():
        for part, settings in settings_used(found, protocol).items():
            first, known = parts.setdefault(part, (name, settings))
            if settings != known:
                raise PrunebenchError(
                    f"{folder / (first + SUFFIX)} and {folder / (name + SUFFIX)} were published under different "
                    f"settings of {part} in protocol {protocol!r}; publish again what was not published under the "
                    "present ones"
                )
    whole = next(iter(having.values())).protocols[protocol]
    return whole.model_copy(update={part: settings for part, (_, settings) in parts.items()})


def _marked(cell: CellResult, digest: str) -> CellResult:
    """The cell with a remark where what made it is no longer what is there; `digest` is the method's as it is."""
    changes = [CODE_CHANGED] if cell.prune.key.get("method") != digest else []
    changes += [ENGINE_CHANGED] if cell.prune.key.get("engine") != str(ENGINE_VERSION) else []
    if not changes:
        return cell
    if cell.prune.status == "ok":
        remark: dict[str, object] = {"notes": [*cell.prune.notes, *changes]}
    else:
        remark = {"reason": "; ".join([cell.prune.reason, *changes])}
    return replace(cell, prune=cell.prune.model_copy(update=remark))


def _tasks_named(config: Config, cell: CellResult) -> CellResult:
    """The cell with no tasks named if it has all of the run's, as in a grid."""
    return replace(cell, tasks=() if set(cell.tasks) == set(config.zeroshot_tasks) else cell.tasks)


def _check_dense(folder: Path, protocol: str, cells: Iterable[CellResult]) -> None:
    cells = list(cells)
    dense = {cell.sweep.model: cell for cell in cells if cell.target == DENSE.token}
    if len({frozenset(cell.tasks) for cell in dense.values() if "zeroshot" in cell.evaluations}) > 1:
        raise PrunebenchError(
            f"{folder}: the dense rows of {' and '.join(dense)} have different zero-shot tasks under protocol "
            f"{protocol!r}, and means are over those; run prunebench publish {DENSE_METHOD} with the same for all"
        )
    for cell in cells:
        if cell.sweep.model not in dense:
            raise PrunebenchError(
                f"{folder} has {cell.sweep.method} on {cell.sweep.model} under protocol {protocol!r} but not the dense "
                f"model, which it is compared with; run prunebench publish {DENSE_METHOD}"
            )


def _place(config: Config, cell: CellResult) -> tuple[int, int, int, int]:
    sweep, targets = cell.sweep, (DENSE.token, *config.targets)
    return (
        config.models.index(sweep.model),
        -1 if sweep.method == DENSE_METHOD else config.methods.index(sweep.method),
        sweep.seed,
        targets.index(cell.target),
    )


def _ordered(names: set[str], known: Iterable[str]) -> tuple[str, ...]:
    """Names in the order of a config; those it does not have last, by name."""
    places = {name: place for place, name in enumerate(known)}
    return tuple(sorted(names, key=lambda name: (places.get(name, len(places)), name)))
