"""Steps that give a dense model the shape of a pruned one, and a loader for folders that need them.

This file stands alone, with torch, transformers and safetensors: `prunebench export` puts a copy of it, as
`load_pruned.py`, into a folder whose layers have sizes that no config can express. There,

    from load_pruned import load

    model = load()
"""

import copy
import json
from collections.abc import Callable
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


STEPS: dict[str, Callable[[nn.Module, dict[str, Any]], None]] = {
    "resize": _resize,
    "count": _count,
    "add_parameter": _add_parameter,
    "add_buffer": _add_buffer,
    "remove": _remove,
}
