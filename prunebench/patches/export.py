"""A patch back into a folder that loads without prunebench.

An ordinary `save_pretrained` folder wherever a config can say what the model looks like. Where layers have kept
different numbers of heads or channels, or have modules no transformers class has, none can: then the folder brings
the few lines that load it.
"""

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from prunebench.errors import PrunebenchError
from prunebench.files import storing
from prunebench.models.load import load_model
from prunebench.models.units import unit_modules
from prunebench.patches import surgery
from prunebench.patches.apply import apply_patch
from prunebench.patches.bits import stored_tensors
from prunebench.patches.format import Patch, load_patch

# Files of the dense folder that describe its weights, not its tokenizer; the pruned model has its own.
_NOT_COPIED = ("config.json", "asset.json", "*.safetensors", "*.bin", "*.index.json")
# Switches that give plain transformers classes biases they do not have by default.
_BIAS_SWITCHES = ("attention_bias", "mlp_bias")
# What configs call the number of an MLP's channels.
_CHANNELS = ("intermediate_size", "ffn_dim", "n_inner")
LOADER = "load_pruned.py"
HOW_TO_LOAD = "AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True)"
_README = f"""This model's layers have shapes that its transformers class cannot be told by a config, so the folder
brings the code that loads it, `{LOADER}`, which needs torch, transformers and safetensors:

    from transformers import AutoModelForCausalLM

    model = {HOW_TO_LOAD}

or, in this folder and without that switch:

    from {LOADER.removesuffix(".py")} import load

    model = load()

`config.json` is the dense model's, `{surgery.STEPS_FILE}` says how this one differs, `{surgery.WEIGHTS}` are its
weights; the tokenizer is loaded as usual. Without `trust_remote_code` transformers finds no weights here.
"""


def export_cell(dense_dir: Path, patch_path: Path, out_dir: Path) -> bool:
    """Write the pruned model, its config and the dense model's tokenizer files to `out_dir`.

    Returns:
        Whether plain transformers loads it; else the folder has a `load_pruned.py` that does, and a README.

    Raises:
        PrunebenchError: `out_dir` has something in it, or the patch does not fit the model.
    """
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise PrunebenchError(f"{out_dir} is not empty; export into a new folder")
    patch = load_patch(patch_path)
    model = load_model(dense_dir, getattr(torch, patch.dtype))
    apply_patch(model, patch)
    plain = None if any(step["step"] in surgery.BEYOND_CONFIGS for step in patch.steps) else plain_model(model)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with storing(out_dir), tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=f".{out_dir.name}.") as folder:
        written = Path(folder) / "model"
        shutil.copytree(dense_dir, written, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        if plain is not None:
            plain.save_pretrained(written)
        else:
            _write_with_loader(model, patch, dense_dir, written)
        written.rename(out_dir)
    return plain is not None


def _write_with_loader(model: PreTrainedModel, patch: Patch, dense_dir: Path, folder: Path) -> None:
    config = json.loads((dense_dir / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": f"{LOADER.removesuffix('.py')}.{surgery.PrunedModel.__name__}"}
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    shutil.copyfile(surgery.__file__, folder / LOADER)
    about = {"dtype": patch.dtype, "steps": patch.steps}
    (folder / surgery.STEPS_FILE).write_text(json.dumps(about, indent=1), encoding="utf-8")
    (folder / "README.md").write_text(_README, encoding="utf-8")
    save_file({name: t.detach().contiguous() for name, t in stored_tensors(model).items()}, folder / surgery.WEIGHTS)


def plain_model(model: PreTrainedModel) -> PreTrainedModel | None:
    """The same weights in the class transformers builds from a config alone; None where it has no place for them.

    Where pruning added biases to a bias-free model, the config's bias switches are turned on; they act on every
    projection of a kind, so those that got none are filled with zeros. Where every layer lost as many heads and
    channels as the others, the config's numbers of them change.
    """
    state = model.state_dict()
    candidates = _with_biases(_with_sizes(model))
    for config in candidates:
        plain = _empty(config)
        wanted = plain.state_dict()
        added = [name for name in wanted if name not in state]
        fits = all(name in wanted and wanted[name].shape == tensor.shape for name, tensor in state.items())
        if fits and all(name.endswith(".bias") for name in added):
            zeros = {name: torch.zeros(wanted[name].shape, dtype=_dtype(state)) for name in added}
            plain.load_state_dict({**state, **zeros}, assign=True)
            plain.tie_weights()
            plain.generation_config = getattr(model, "generation_config", None)
            return plain
    return None


def _with_sizes(model: PreTrainedModel) -> PretrainedConfig:
    """The config with the numbers of heads and channels that all layers share; the config itself if they do not."""
    config: Any = copy.deepcopy(model.config)
    for modules in zip(*unit_modules(model), strict=True):
        first = modules[0]
        if any(module.units != first.units for module in modules):
            return model.config
        if first.kind == "mlp":
            setattr(config, next(name for name in _CHANNELS if hasattr(config, name)), first.units)
        elif first.units * first.heads_per_unit != config.num_attention_heads:
            config.num_attention_heads = first.units * first.heads_per_unit
            config.num_key_value_heads, config.head_dim = first.units, first.head_dim
    return config


def _with_biases(config: PretrainedConfig) -> list[PretrainedConfig]:
    """The config as it is, then with one bias switch on, then with more: the first that fits wins."""
    switches = [name for name in _BIAS_SWITCHES if getattr(config, name, None) is False]
    configs = []
    for chosen in ([], *([name] for name in switches), switches):
        changed = copy.deepcopy(config)
        for name in chosen:
            setattr(changed, name, True)
        configs.append(changed)
    return configs


def _empty(config: PretrainedConfig) -> PreTrainedModel:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def _dtype(state: dict[str, Tensor]) -> torch.dtype:
    return next(tensor.dtype for tensor in state.values() if tensor.is_floating_point())
