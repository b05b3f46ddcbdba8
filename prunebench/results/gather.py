"""The collect rule: from a config and the records on disk to `metrics.csv` and `provenance.json`."""

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prunebench.config.grid import expand
from prunebench.config.load import DENSE_METHOD, Config
from prunebench.config.schema import Settings
from prunebench.config.strict import parse, read_yaml
from prunebench.errors import PrunebenchError
from prunebench.files import digest_json
from prunebench.layout import CONFIG
from prunebench.plugins.description import Description, describe_method
from prunebench.plugins.header import parse_variant
from prunebench.plugins.method_file import describe_file
from prunebench.plugins.references import read_references
from prunebench.plugins.variants import recovery_settings
from prunebench.results.cells import CellResult, averaged_tasks, load_cells
from prunebench.results.expected import Pair, block_pairs, expected_pairs
from prunebench.results.gates import gated
from prunebench.results.runfiles import write_run
from prunebench.results.stale import stale_as_errors

# Settings that numbers, or what becomes of a cell, depend on; models, methods and targets select cells. Of published
# cells those of the machine are not known: what the config of today says of them is about others.
_PUBLISHED = {"protocol", "seeds", "evaluate", "zeroshot_tasks", "method_paths", "registry", "paper"}
_DECISIVE = {*_PUBLISHED, "limits", "sandbox", "unsafe_run_untrusted", "threads"}


def gather(config: Config, metrics: Path, provenance: Path) -> None:
    """Collect the records of the config's grid, found in the working directory, into the two files."""
    with no_search_for_loops():
        results = load_cells(Path(), expand(config).cells, stale_as_errors(config))
        write_collected(config, results, metrics, provenance)


def write_collected(
    config: Config, results: Sequence[CellResult], metrics: Path, provenance: Path, published: bool = False
) -> None:
    """Let the cells of a config pass the gates, and write the two files that reports are made from.

    Args:
        published: whether the cells were published, so that the config is not the one they were computed with.
    """
    # pandas and scipy are only needed here; the Snakefile imports this module for the rest.
    from prunebench.results.collect import collect
    from prunebench.results.summary import summarise

    methods = described_methods(config)
    results = gated(results, config.references)
    some = averaged_tasks(results, config.paper is not None)
    frame = collect(results, methods, measured_pairs(config), some)
    titles = _titles(config)
    protocols = {config.protocol: config.protocol_spec.model_dump(mode="json")}
    run = summarise(results, frame, methods, titles["models"], titles["datasets"], protocols)
    averaged = None if some is None else [task for task in config.zeroshot_tasks if task in some]
    run |= {
        "overlaps": overlaps(config),
        "paper": _paper(config),
        "averaged_tasks": averaged,
        "method_files": method_files(config),
        "settings": [decisive_settings(config, published)],
    }
    write_run(frame, run, metrics, provenance)


def gather_params(config: Config) -> str:
    """Digest of what the config itself contributes: a new title or reference value collects again, no more.

    A comment in a method's file does as well, as its page shows the file.
    """
    methods = [method_files(config), decisive_settings(config)]
    references = {name: config.model_registry[name].reference for name in config.models}
    protocol = config.protocol_spec.model_dump(mode="json")
    return digest_json([methods, references, _titles(config), protocol, overlaps(config), _paper(config)])


def outcome(provenance: Path) -> str:
    """How many cells ended how, as one line for a person; `gather` wrote the file.

    Raises:
        PrunebenchError: it is absent, or not what this version writes.
    """
    try:
        run = json.loads(provenance.read_text(encoding="utf-8"))
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(run["statuses"].items()))
        return f"{len(run['cells'])} cells: {statuses}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PrunebenchError(
            f"{provenance} is not what this version writes, so how the cells ended is not said here; delete it and run "
            "snakemake again"
        ) from None


def overlaps(config: Config) -> list[dict[str, str]]:
    """Perplexities that flatter: what was seen before is of the same domain as the text measured on.

    Returns:
        One entry per `model`, `dataset` and `use` (`calibration`, or `training` of a model made here), with the
        `domain` they share; and one for each `method` whose variant has `fine-tuning` on such a text.
    """
    domains = {name: text.domain for name, text in config.data.texts.items()}
    protocol = config.protocol_spec
    tuned = {
        spec: settings.text or protocol.calibration.text
        for spec in config.methods
        if (settings := recovery_settings(spec, parse_variant(spec)[1])) is not None
    }
    return [
        {"model": model, "dataset": dataset, "use": use, "domain": domains[dataset], **of_method}
        for model in config.models
        for dataset in protocol.perplexity.texts
        for use, seen, of_method in (
            ("training", config.model_registry[model].training_text, {}),
            ("calibration", protocol.calibration.text, {}),
            *(("fine-tuning", text, {"method": spec}) for spec, text in tuned.items()),
        )
        if seen is not None and domains[seen] == domains[dataset]
    ]


def measured_pairs(config: Config) -> dict[str, tuple[Pair, ...]]:
    """By kind of evaluation, the (metric, dataset) pairs each cell of the config should have."""
    protocol = config.protocol_spec
    return expected_pairs(
        config.evaluate,
        protocol.perplexity.texts,
        config.zeroshot_tasks,
        protocol.generation.prompt,
        block_pairs(protocol.internals.spectra, protocol.internals.heads),
    )


def described_methods(config: Config) -> dict[str, Description]:
    """What is known of the config's methods, by name without variant."""
    return {name: describe_method(name, config.method_files[name]) for name in _method_names(config)}


def method_files(config: Config) -> list[dict[str, Any]]:
    """What the files of the config's methods say, one entry per name without variant, dense last unless it is named.

    Beside what `describe_file` knows each has `bibtex`, the entry of its `cite`, empty where there is none.
    """
    references = read_references(config.method_paths)
    entries = [describe_file(name, config.method_files[name]) for name in _method_names(config)]
    return [{**entry, "bibtex": references.get(entry["cite"], "")} for entry in entries]


def decisive_settings(config: Config, published: bool = False) -> dict[str, Any]:
    """The settings that decide a cell's numbers: those of this run, and those of the project's own config.

    Of `published` cells only what was published with them, and where their names are looked up.

    Returns:
        `run` and `defaults`, each by key of the config; no `defaults` where the project has no valid config.
    """
    try:
        own = parse(Settings, read_yaml(Path(CONFIG)), CONFIG).model_dump(mode="json", include=_DECISIVE)
    except PrunebenchError:
        own = {}
    return {"run": config.model_dump(mode="json", include=_PUBLISHED if published else _DECISIVE), "defaults": own}


def _method_names(config: Config) -> list[str]:
    return list(dict.fromkeys(parse_variant(spec)[0] for spec in (*config.methods, DENSE_METHOD)))


@contextmanager
def no_search_for_loops() -> Iterator[None]:
    """Python without its search for objects that refer to each other in loops: records do not.

    Thousands of them are searched again and again while they are read, which doubles the time of reading.
    """
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()


def _titles(config: Config) -> dict[str, dict[str, str]]:
    data = {**config.data.texts, **config.data.tasks}
    return {
        "models": {name: config.model_registry[name].title for name in config.models},
        "datasets": {name: entry.title for name, entry in data.items()},
    }


def _paper(config: Config) -> dict[str, str] | None:
    """Name and title of the paper whose tables the run fills."""
    if config.paper is None or config.paper_layout is None:
        return None
    return {"name": config.paper.name, "title": config.paper_layout.title}
