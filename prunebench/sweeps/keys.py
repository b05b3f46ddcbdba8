"""Keys: what a record was made from, and so whether it is still what the config wants.

`prune_params` and `evaluate_params` are the parts known before anything has run; the Snakefile puts them
into rule params, so a change re-runs the job. The whole keys add the digests of the job's input files;
the job compares them with each record's and computes only what differs.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from prunebench import ENGINE_VERSION
from prunebench.config.load import Config
from prunebench.config.schema import Kind
from prunebench.data.tokens import read_raw
from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.files import digest_json
from prunebench.layout import CALIBRATION, MODEL, RECOVERY, TASK, WINDOWS, Sweep
from prunebench.plugins.digest import method_digest
from prunebench.plugins.header import parse_variant, read_header
from prunebench.plugins.variants import framework_params, reads, recovery_settings
from prunebench.results.expected import HEAD_DISTANCE, Pair, block_pairs
from prunebench.results.provenance import package_version
from prunebench.sealed import read_sealed

# One key entry per text, task or prompt of an evaluation: adding one leaves the others current.
DATASET = "dataset:"
VALIDATION_ROWS = 4  # of a file of tokens for recovery fine-tuning

_States = tuple[tuple[str, int, int], ...]


def prune_params(config: Config, sweep: Sweep) -> str:
    """Digest of everything but the targets and the input files that decides how `sweep` is pruned."""
    return digest_json(prune_settings(config, sweep))


def evaluate_params(config: Config, sweep: Sweep, kind: Kind, tasks: Mapping[str, Sequence[str]] | None = None) -> str:
    """Digest of everything but the targets and the input files that decides one kind of evaluation of `sweep`.

    Args:
        tasks: by target, the zero-shot tasks of cells that get only some.
    """
    some = [tasks] if tasks and kind == "zeroshot" else []
    return digest_json([run_settings(config), _dataset_settings(config, kind), *some])


def run_settings(config: Config) -> dict[str, str]:
    """What every key has of the engine and the config."""
    return {"engine": str(ENGINE_VERSION), "dtype": config.protocol_spec.dtype.model_dump_json()}


def prune_settings(config: Config, sweep: Sweep) -> dict[str, str]:
    """What the key of a sweep's prune records has that takes no input file to know, but for the target."""
    name, values = parse_variant(sweep.method)
    if not _calibrated(config, sweep):
        values.pop("nsamples", None)
    peft = {"peft": str(package_version("peft"))} if "lora" in values else {}
    return {
        **run_settings(config),
        **peft,
        "method": _method_digest(config.method_files[name]),
        "params": json.dumps(values, sort_keys=True),
        "seed": str(sweep.seed),
    }


def prune_key(config: Config, sweep: Sweep, target: str) -> dict[str, str]:
    """The key a current prune record of this cell has.

    Calibration tokens are part of it for methods that see any.

    Raises:
        PrunebenchError: the model or the calibration tokens are not there yet.
    """
    key = {
        **prune_settings(config, sweep),
        "target": target,
        "model": asset_digest(Path(MODEL.format(model=sweep.model))),
    }
    if _calibrated(config, sweep):
        key["calibration"] = ids_digest(calibration_path(sweep), nsamples(config, sweep))
    if (path := recovery_path(config, sweep)) is not None:
        key["recovery"] = ids_digest(path, recovery_rows(sweep))
    return key


def evaluation_key(
    config: Config, sweep: Sweep, kind: Kind, patch_sha256: str, tasks: Sequence[str] = ()
) -> dict[str, str]:
    """The key a current evaluation record has of the cell whose patch this is.

    Args:
        tasks: the zero-shot tasks of the cell, if not all.

    Raises:
        PrunebenchError: the model, a text's windows or a task are not there yet.
    """
    some = tasks if kind == "zeroshot" else ()
    files = {name: _dataset_digest(config, sweep, kind, name) for name in some or datasets(config, kind)}
    return {
        **run_settings(config),
        "patch": patch_sha256,
        "model": asset_digest(Path(MODEL.format(model=sweep.model))),
        **{
            DATASET + name: digest_json([settings, files[name]])
            for name, settings in _dataset_settings(config, kind).items()
            if name in files
        },
    }


def datasets(config: Config, kind: Kind) -> tuple[str, ...]:
    """The texts, tasks, prompts or blocks one kind of evaluation measures under this config, in its order.

    Speed is measured on none in particular, which is one dataset without a name.
    """
    return tuple(_dataset_settings(config, kind))


def block_pair(dataset: str) -> Pair:
    """Metric and block of a dataset of internals."""
    metric, _, block = dataset.partition("/")
    return metric, block


def calibration_path(sweep: Sweep) -> Path:
    """The calibration tokens of a sweep."""
    return Path(CALIBRATION.format(protocol=sweep.protocol, model=sweep.model, seed=sweep.seed))


def compared_on(config: Config, sweep: Sweep) -> Path | None:
    """The tokens that the attention heads of a sweep's cells are compared on: those of all seeds on the first's."""
    heads = config.protocol_spec.internals.heads
    return calibration_path(replace(sweep, seed=config.seeds[0])) if heads else None


def recovery_path(config: Config, sweep: Sweep) -> Path | None:
    """The tokens that the sweep's recovery fine-tuning reads; None if there is none."""
    settings = recovery_settings(sweep.method, parse_variant(sweep.method)[1])
    if settings is None:
        return None
    text = settings.text or config.protocol_spec.calibration.text
    return Path(RECOVERY.format(protocol=sweep.protocol, model=sweep.model, text=text, seed=sweep.seed))


def recovery_rows(sweep: Sweep) -> int:
    """How many rows of that file: those to validate on come first, so that a larger sample trains on the same more."""
    settings = recovery_settings(sweep.method, parse_variant(sweep.method)[1])
    return 0 if settings is None else VALIDATION_ROWS + settings.samples


def windows_path(sweep: Sweep, text: str) -> Path:
    """The evaluation windows of one text for a sweep."""
    return Path(WINDOWS.format(protocol=sweep.protocol, model=sweep.model, text=text))


def evaluation_inputs(config: Config, sweep: Sweep, kind: Kind) -> list[str]:
    """The files that one kind of evaluation of a sweep reads beside model and patches."""
    if kind == "perplexity":
        return [str(windows_path(sweep, text)) for text in config.protocol_spec.perplexity.texts]
    if kind == "zeroshot":
        return [TASK.format(task=task) for task in config.zeroshot_tasks]
    tokens = compared_on(config, sweep) if kind == "internals" else None
    return [str(tokens)] if tokens else []


def nsamples(config: Config, sweep: Sweep) -> int:
    """How many calibration samples the sweep takes, the first so many of its file: the variant's or the protocol's."""
    value = parse_variant(sweep.method)[1].get("nsamples")
    return value if isinstance(value, int) else config.protocol_spec.calibration.nsamples


def asset_digest(path: Path) -> str:
    """The digest of an asset's files, from their checksums in its `asset.json`; its title and origin do not count."""
    try:
        return digest_json(json.loads(read_sealed(path))["files"])
    except OSError as error:
        raise PrunebenchError(
            f"{path} cannot be read ({error.strerror}); it is made by an earlier rule: run snakemake again"
        ) from None
    except DamagedFile as error:
        raise DamagedFile(f"{error}; run prunebench verify --fix, and snakemake to make it again") from None


def ids_digest(path: Path, rows: int | None = None) -> str:
    """The digest of the first `rows` rows (None = all) of the one int32 tensor `ids` in a safetensors file.

    What the ids were made from does not count: the same ids make the same numbers.
    """
    shape, data = read_raw(path)
    used = shape[0] if rows is None else min(rows, shape[0])
    return digest_json(["I32", used, *shape[1:], hashlib.sha256(data[: used * (len(data) // shape[0])]).hexdigest()])


def _method_digest(path: Path) -> str:
    """`method_digest`, computed once for all the sweeps of a method: it costs milliseconds, a grid has thousands."""
    return _cached_digest(path, _states(path))


def _calibrated(config: Config, sweep: Sweep) -> bool:
    """Whether the sweep's method sees the calibration tokens or anything made of them."""
    path = config.method_files[parse_variant(sweep.method)[0]]
    return _cached_calibrated(sweep.method, path, _states(path))


def _states(path: Path) -> _States:
    """Name, time and size of a method's files: as long as they stay, so does what was read from them."""
    states = [(file, file.stat()) for file in sorted(path.parent.glob(f"{path.stem}.*"))]
    return tuple((file.name, state.st_mtime_ns, state.st_size) for file, state in states)


@lru_cache(maxsize=1024)
def _cached_digest(path: Path, states: _States) -> str:
    return method_digest(path)


@lru_cache(maxsize=1024)
def _cached_calibrated(spec: str, path: Path, states: _States) -> bool:
    try:
        header = read_header(path)
        return reads(header, framework_params(spec, parse_variant(spec)[1], header)).calibration
    except PrunebenchError:
        return True  # a broken file may see them, once mended


def _dataset_settings(config: Config, kind: Kind) -> dict[str, Any]:
    """By dataset, the settings that decide what is measured on it beside the data itself."""
    protocol = config.protocol_spec
    if kind == "perplexity":  # window, join string and the like are in the ids
        return dict.fromkeys(protocol.perplexity.texts)
    if kind == "zeroshot":
        zeroshot = protocol.zeroshot.model_dump(mode="json")
        settings = {**zeroshot, "items": "spread evenly", "lm_eval": package_version("lm-eval")}
        return dict.fromkeys(config.zeroshot_tasks, settings)
    if kind == "speed":
        return {"": {**protocol.speed.model_dump(mode="json"), "threads": config.threads}}
    if kind == "internals":
        blocks = protocol.internals
        pairs = block_pairs(blocks.spectra, blocks.heads)
        return {"/".join(pair): None if pair[0] == HEAD_DISTANCE else blocks.ecdf_steps for pair in pairs}
    return {protocol.generation.prompt: protocol.generation.model_dump(mode="json")}


def _dataset_digest(config: Config, sweep: Sweep, kind: Kind, name: str) -> str:
    if kind == "perplexity":
        return ids_digest(windows_path(sweep, name))
    if kind == "zeroshot":
        return asset_digest(Path(TASK.format(task=name)))
    if kind == "internals" and block_pair(name)[0] == HEAD_DISTANCE and (path := compared_on(config, sweep)):
        return ids_digest(path, config.protocol_spec.calibration.nsamples)
    return ""
