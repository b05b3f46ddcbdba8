"""From the mapping Snakemake read to a checked `Config`: every name in it exists, before any DAG is built."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prunebench.config.paper import TABLES_FILE, Paper, load_paper
from prunebench.config.paper_parts import Place
from prunebench.config.protocols import Protocol
from prunebench.config.registry import DataRegistry, ModelSpec
from prunebench.config.schema import Settings
from prunebench.config.strict import parse, parse_entries, read_yaml
from prunebench.errors import PrunebenchError, unknown_name
from prunebench.plugins.description import describe_method
from prunebench.plugins.header import find_methods, parse_variant, read_header
from prunebench.plugins.loader import merge_params
from prunebench.plugins.variants import framework_params
from prunebench.results.expected import block_pairs, within

DENSE_METHOD = "dense"


class Config(Settings):
    """The settings with what their names stand for.

    Attributes:
        model_registry: every model of the registry by name, also those not in `models`.
        data: the registered texts and tasks.
        protocol_spec: what `protocol` names.
        method_files: every method file found in `method_paths`, by name.
        paper_layout: the content of `paper`.
    """

    model_registry: dict[str, ModelSpec]
    data: DataRegistry
    protocol_spec: Protocol
    method_files: dict[str, Path]
    paper_layout: Paper | None = None

    @property
    def references(self) -> dict[str, Mapping[str, Mapping[str, float]]]:
        """By model, protocol and dataset, the perplexity that the dense model is known to have."""
        return {name: spec.reference for name, spec in self.model_registry.items()}


def load_config(mapping: Mapping[str, Any]) -> Config:
    """Check a config and look up every name in it.

    Raises:
        PrunebenchError: an unknown key or name (with the nearest known one), a value out of range, a
            duplicate, or a registry file that cannot be read.
    """
    settings = parse(Settings, dict(mapping), "config")
    if settings.weights == "mapped" and sys.platform != "linux":
        raise PrunebenchError(f"config: weights: mapped needs Linux, and this is {sys.platform}; choose auto or memory")
    files = settings.registry
    protocols = parse_entries(Protocol, read_yaml(files.protocols), str(files.protocols))
    _known("protocol", [settings.protocol], protocols, "config")
    config = Config(
        **dict(settings),
        model_registry=parse_entries(ModelSpec, read_yaml(files.models), str(files.models)),
        data=parse(DataRegistry, read_yaml(files.data), str(files.data)),
        protocol_spec=protocols[settings.protocol],
        method_files=find_methods(settings.method_paths),
    )
    if config.paper:
        config = config.model_copy(update={"paper_layout": load_paper(config.paper).with_written(_written(config))})
    _known("model", config.models, config.model_registry, "config")
    _known("task", config.zeroshot_tasks, config.data.tasks, "config")
    texts = config.data.texts
    _known("text", needed_texts(config), texts, f"{files.protocols}, entry {config.protocol!r}")
    for name in config.models:
        text = config.model_registry[name].training_text
        _known("text", [text] if text else [], texts, f"{files.models}, entry {name!r}")
    _check_references(config.model_registry, protocols, texts, files.models)
    for spec in config.methods:
        values = parse_variant(spec)[1]
        _known("text", [str(values["lora_text"])] if "lora_text" in values else [], texts, f"method {spec!r}")
    if "zeroshot" in config.evaluate and not config.zeroshot_tasks:
        raise PrunebenchError("config: `evaluate` has zeroshot but `zeroshot_tasks` is empty; name tasks or drop it")
    for spec in config.methods:
        _check_method(spec, config.method_files)
    if config.paper and config.paper_layout:
        _check_paper(config.paper_layout, config, str(config.paper / TABLES_FILE))
    if DENSE_METHOD not in config.method_files:
        folders = ", ".join(map(str, config.method_paths))
        raise PrunebenchError(f"config: no dense.py in method_paths ({folders}); the dense row needs it")
    return config


def needed_texts(config: Config) -> tuple[str, ...]:
    """The texts the protocol reads, each once: calibration first."""
    protocol = config.protocol_spec
    return tuple(dict.fromkeys([protocol.calibration.text, *protocol.perplexity.texts]))


def _check_paper(paper: Paper, config: Config, where: str) -> None:
    """Every model and method of the layout exists; one that the run leaves out is shown as not run."""
    places = list(paper.places)
    models = [*(place.model for place in places), *paper.stand_in, *paper.stand_in.values()]
    _known("model", dict.fromkeys(models), config.model_registry, where)
    known_data = [*config.data.texts, *config.data.tasks]
    named = (dataset for place in places for dataset in place.quantity.datasets)
    datasets = [*named, *paper.stand_in_data, *paper.stand_in_data.values()]
    _known("text or task", dict.fromkeys(datasets), known_data, where)
    if "internals" in config.evaluate:
        _check_blocks(places, config, where)
    methods = [*(place.method for place in places), *paper.stand_in_methods, *paper.stand_in_methods.values()]
    for spec in dict.fromkeys(methods):
        _check_method(spec, config.method_files, where)


def _check_blocks(places: Iterable[Place], config: Config, where: str) -> None:
    """A figure of a block that the protocol leaves out would stay empty without a word."""
    settings = config.protocol_spec.internals
    measured = block_pairs(settings.spectra, settings.heads)
    for quantity in [place.quantity for place in places if "internals" in place.quantity.kinds]:
        metric, dataset = quantity.metric, quantity.dataset
        if not any(metric == known and within(dataset, block) for known, block in measured):
            raise PrunebenchError(
                f"{where}: {metric} of {dataset} is shown, but protocol {config.protocol!r} does not measure that "
                "block; add it to the protocol's `internals`"
            )


def _written(config: Config) -> list[str]:
    """The methods of the config that a language model wrote."""
    origins = {
        spec: describe_method(name, config.method_files[name]).origin
        for spec in config.methods
        if (name := parse_variant(spec)[0]) in config.method_files
    }
    return [spec for spec, origin in origins.items() if origin == "llm"]


def _known(what: str, names: Iterable[str], known: Iterable[str], where: str) -> None:
    known = set(known)
    for name in names:
        if name not in known:
            raise unknown_name(what, name, known, where)


def _check_method(spec: str, files: Mapping[str, Path], where: str = "config") -> None:
    """The method and the parameters of its variant exist. A broken method file is no mistake of the config."""
    name, values = parse_variant(spec)
    if name not in files:
        raise unknown_name("method", name, files, where)
    if name == DENSE_METHOD and values:
        raise PrunebenchError(
            f"{where}: method {spec!r}: the dense model is what others are compared with and has no variants; list "
            f"{DENSE_METHOD!r}, or none"
        )
    try:
        header = read_header(files[name])
    except PrunebenchError:
        return  # its cells become `error` records
    merge_params(spec, header, values)
    framework_params(spec, values, header)


def _check_references(
    models: Mapping[str, ModelSpec], protocols: Iterable[str], texts: Iterable[str], file: Path
) -> None:
    """A misspelt reference would switch its check off without a word."""
    for name, spec in models.items():
        where = f"{file}, reference of {name!r}"
        _known("protocol", spec.reference, protocols, where)
        _known("text", [text for values in spec.reference.values() for text in values], texts, where)
