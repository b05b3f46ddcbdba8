"""Steps that give a dense model the shape of a pruned one, and a loader for folders that need them.

This file stands alone, with torch, transformers and safetensors: `prunebench export` puts a copy of it, as
`load_pruned.py`, into a folder whose layers have sizes that no config can express. There,

    from load_pruned import load

    model = load()
"""

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

WEIGHTS = "pruned.safetensors"
STEPS_FILE = "surgery.json"


def load(folder: str | Path = Path(__file__).parent) -> Any:
    """The pruned model of an exported folder, on the CPU, in eval mode and in the dtype it was pruned in.

    Raises:
        ValueError: the weights are not those of the model that config and steps describe.
    """
    folder = Path(folder)
    about = json.loads((folder / STEPS_FILE).read_text(encoding="utf-8"))
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, about["dtype"]))
    for step in about["steps"]:
        STEPS[step["step"]](model, step)
    tensors = load_file(folder / WEIGHTS)
    persistent = model.state_dict().keys()
    places = {**dict(model.named_parameters()), **{n: b for n, b in model.named_buffers() if n in persistent}}
    if odd := sorted(places.keys() ^ tensors.keys()):
        raise ValueError(f"{folder / WEIGHTS} does not fit the model: {', '.join(odd[:3])}")
    for name, tensor in tensors.items():
        places[name].data = tensor
    return model.eval()


def keep_blocks(model: Any, container: str, kept: Sequence[int]) -> None:
    """Leave only some decoder blocks, in order, and tell everybody who counts them: configs and caches.

    Attention writes its keys into the cache under its own `layer_idx`, so those that move up are renumbered.

    Args:
        container: dotted name of the list of blocks.
        kept: their numbers, ascending.
    """
    blocks = model.get_submodule(container)
    before = len(blocks)
    owner, _, leaf = container.rpartition(".")
    setattr(model.get_submodule(owner), leaf, nn.ModuleList([blocks[index] for index in kept]))
    for index, old in enumerate(kept):
        for module in blocks[old].modules():
            if type(getattr(module, "layer_idx", None)) is int:
                module.layer_idx = index
    configs = {id(module.config): module.config for module in model.modules() if hasattr(module, "config")}
    for config in configs.values():
        if config.num_hidden_layers != before:
            continue
        types = getattr(config, "layer_types", None)
        config.num_hidden_layers = len(kept)
        if types is not None:
            config.layer_types = [types[index] for index in kept]


def factor(model: nn.Module, name: str, rank: int) -> nn.Sequential:
    """Put two linears with `rank` channels between them in the place of one; their weights are still to come.

    The second has the bias, if there was one. Whoever calls a linear without looking into it will not notice.
    """
    linear: Any = model.get_submodule(name)
    width, height = (linear.nx, linear.nf) if isinstance(linear, Conv1D) else (linear.in_features, linear.out_features)
    like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
    first = nn.utils.skip_init(nn.Linear, width, rank, bias=False, **like)
    second = nn.utils.skip_init(nn.Linear, rank, height, bias=linear.bias is not None, **like)
    if linear.bias is not None:
        second.bias = nn.Parameter(linear.bias.detach(), requires_grad=False)
    pair = nn.Sequential(first, second).requires_grad_(False).train(linear.training)
    owner, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(owner), leaf, pair)
    return pair


def _resize(model: nn.Module, step: dict[str, Any]) -> None:
    """The features a linear declares; its tensors are still to come."""
    linear: Any = model.get_submodule(step["module"])
    if isinstance(linear, Conv1D):
        linear.nx, linear.nf = step["in"], step["out"]
    else:
        linear.in_features, linear.out_features = step["in"], step["out"]


def _count(model: nn.Module, step: dict[str, Any]) -> None:
    """A number that a module keeps of itself; in its config, which becomes its own, unless the module is the model."""
    module: Any = model.get_submodule(step["module"])
    if not step["in"]:
        setattr(module, step["name"], step["value"])
        return
    if module.config is model.config and module is not model:
        module.config = copy.copy(module.config)
    setattr(module.config, step["name"], step["value"])


def _owner(model: nn.Module, step: dict[str, Any]) -> tuple[nn.Module, str]:
    owner, _, leaf = step["name"].rpartition(".")
    return model.get_submodule(owner), leaf


def _empty(model: nn.Module, step: dict[str, Any]) -> torch.Tensor:
    return torch.empty(0, dtype=getattr(torch, step["dtype"]), device=next(model.parameters()).device)


def _add_parameter(model: nn.Module, step: dict[str, Any]) -> None:
    """A place for a parameter that the dense model lacks or shares with another module."""
    module, leaf = _owner(model, step)
    module.register_parameter(leaf, nn.Parameter(_empty(model, step), requires_grad=False))


def _add_buffer(model: nn.Module, step: dict[str, Any]) -> None:
    module, leaf = _owner(model, step)
    module.register_buffer(leaf, _empty(model, step))


def _remove(model: nn.Module, step: dict[str, Any]) -> None:
    module, leaf = _owner(model, step)
    setattr(module, leaf, None)


def _keep_blocks(model: nn.Module, step: dict[str, Any]) -> None:
    keep_blocks(model, step["module"], step["kept"])


def _factor(model: nn.Module, step: dict[str, Any]) -> None:
    factor(model, step["module"], step["rank"])


STEPS: dict[str, Callable[[nn.Module, dict[str, Any]], None]] = {
    "resize": _resize,
    "count": _count,
    "add_parameter": _add_parameter,
    "add_buffer": _add_buffer,
    "remove": _remove,
    "keep_blocks": _keep_blocks,
    "factor": _factor,
}
# Steps to which no config has a word: they put modules in place that no transformers class has.
BEYOND_CONFIGS = ("factor",)
