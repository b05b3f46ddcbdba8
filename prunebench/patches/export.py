"""A patch back into an ordinary `save_pretrained` folder, which transformers loads without prunebench."""

import copy
import shutil
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from prunebench.errors import PrunebenchError
from prunebench.models.load import load_model
from prunebench.patches.apply import apply_patch
from prunebench.patches.format import load_patch

# Files of the dense folder that describe its weights, not its tokenizer; the pruned model has its own.
_NOT_COPIED = ("config.json", "asset.json", "*.safetensors", "*.bin", "*.index.json")
# Switches that give plain transformers classes biases they do not have by default.
_BIAS_SWITCHES = ("attention_bias", "mlp_bias")


def export_cell(dense_dir: Path, patch_path: Path, out_dir: Path) -> None:
    """Write the pruned model, its config and the dense model's tokenizer files to `out_dir`.

    Raises:
        PrunebenchError: `out_dir` has something in it, the patch does not fit the model, or the model's plain
            transformers class has no place for what pruning added.
    """
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise PrunebenchError(f"{out_dir} is not empty; export into a new folder")
    patch = load_patch(patch_path)
    model = load_model(dense_dir, getattr(torch, patch.dtype))
    apply_patch(model, patch)
    plain = plain_model(model)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=f".{out_dir.name}.") as folder:
        written = Path(folder) / "model"
        shutil.copytree(dense_dir, written, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        plain.save_pretrained(written)
        written.rename(out_dir)


def plain_model(model: PreTrainedModel) -> PreTrainedModel:
    """The same weights in the class transformers builds from a config alone.

    Where pruning added biases to a bias-free model, the config's bias switches are turned on; they act on every
    projection of a kind, so those that got none are filled with zeros.

    Raises:
        PrunebenchError: some tensor has no place, or another shape, in that class.
    """
    state = model.state_dict()
    candidates = _with_biases(model.config)
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
    wanted = _empty(candidates[-1]).state_dict()
    odd = next(name for name in state if name not in wanted or wanted[name].shape != state[name].shape)
    raise PrunebenchError(
        f"{type(model).__name__} of transformers has no place for {odd} {tuple(state[odd].shape)}; this cell cannot "
        "be exported, load it with prunebench.patches.apply instead"
    )


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
