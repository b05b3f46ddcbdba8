"""Steps that give a dense model the shape of a pruned one, and a loader for folders that need them.

This file stands alone, with torch, transformers and safetensors: `prunebench export` puts a copy of it, as
`load_pruned.py`, into a folder whose layers have sizes that no config can express. There,

    from load_pruned import load

    model = load()

or, from anywhere, `AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True)`, which finds this file.
"""

import copy
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig
from transformers.pytorch_utils import Conv1D

WEIGHTS = "pruned.safetensors"
STEPS_FILE = "surgery.json"


def load(folder: str | Path = Path(__file__).parent, **options: Any) -> Any:
    """The pruned model of an exported folder, on the CPU, in eval mode and in the dtype it was pruned in.

    Args:
        options: for `AutoModelForCausalLM.from_config`, for example `attn_implementation`.

    Raises:
        ValueError: the weights are not those of the model that config and steps describe.
    """
    folder = Path(folder)
    about = json.loads((folder / STEPS_FILE).read_text(encoding="utf-8"))
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    config.auto_map = {}  # the class that it names builds nothing by itself
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, about["dtype"]), **options)
    for step in about["steps"]:
        STEPS[step["step"]](model, step)
    tensors = load_file(folder / WEIGHTS)
    persistent = model.state_dict().keys()
    places = {**dict(model.named_parameters()), **{n: b for n, b in model.named_buffers() if n in persistent}}
    if odd := sorted(places.keys() ^ tensors.keys()):
        raise ValueError(f"{folder / WEIGHTS} does not fit the model: {', '.join(odd[:3])}")
    for name, tensor in tensors.items():
        places[name].data = tensor
    if (folder / "generation_config.json").exists():
        model.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
    return model.eval()


class PrunedModel:
    """The class that an exported folder's config names, for `AutoModelForCausalLM.from_pretrained` to call."""

    @classmethod
    def register_for_auto_class(cls, auto_class: object) -> None:
        """Nothing: the model that comes of it is of an ordinary class, and is not saved as one of this."""

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *_: Any, dtype: Any = None, device_map: Any = None, **rest: Any
    ) -> Any:
        """`load` in another dtype or on another device; `device_map` has one for all, or "auto" for the first GPU.

        Raises:
            ValueError: the weights do not fit, they are to be quantised, or are to go to several devices.
        """
        if rest.get("quantization_config") is not None:
            raise ValueError("a pruned model of other shapes cannot be quantised while it is loaded")
        # Transformers has put it into the config by then; another version may hand it on.
        attention = rest.get("attn_implementation") or getattr(rest.get("config"), "_attn_implementation", None)
        model = load(folder, **({} if attention is None else {"attn_implementation": attention}))
        dtype = rest.get("torch_dtype") if dtype is None else dtype
        if dtype not in (None, "auto"):
            model.to(getattr(torch, dtype) if isinstance(dtype, str) else dtype)
        devices = set(device_map.values()) if isinstance(device_map, dict) else {device_map}
        if len(devices) > 1:
            raise ValueError("a pruned model of other shapes is loaded onto one device")
        device = devices.pop()
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return model if device is None else model.to(device)


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
    """Put two linears with `rank` channels between them in the place of one; their weights, zeros, are still to come.

    The second has the bias, if there was one. Whoever calls a linear without looking into it will not notice.
    """
    linear: Any = model.get_submodule(name)
    width, height = (linear.nx, linear.nf) if isinstance(linear, Conv1D) else (linear.in_features, linear.out_features)
    like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
    first = nn.utils.skip_init(nn.Linear, width, rank, bias=False, **like)
    second = nn.utils.skip_init(nn.Linear, rank, height, bias=linear.bias is not None, **like)
    for part in (first, second):  # fresh memory may hold the very weights that a patch is to store
        part.weight.data.zero_()
    if linear.bias is not None:
        second.bias = nn.Parameter(linear.bias.detach(), requires_grad=False)
    pair = nn.Sequential(first, second).requires_grad_(False).train(linear.training)
    owner, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(owner), leaf, pair)
    return pair


class _SlicedBlock(nn.Module):
    """Comes before the class of a Llama-like block: the residuals are led past attention and MLP by a matrix each."""

    attention_shortcut: nn.Parameter
    mlp_shortcut: nn.Parameter

    def forward(self: Any, hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """(batch, tokens, hidden) to the same, or to the width of the second shortcut; the rest is for attention."""
        attended, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **kwargs)
        hidden_states = hidden_states @ self.attention_shortcut + attended
        return hidden_states @ self.mlp_shortcut + self.mlp(self.post_attention_layernorm(hidden_states))


@functools.cache
def _sliced_class(block_class: type) -> type:
    return type(f"Sliced{block_class.__name__}", (_SlicedBlock, block_class), {})


def is_sliced(block: nn.Module) -> bool:
    """Whether a block's residuals go through shortcuts."""
    return isinstance(block, _SlicedBlock)


def slice_hidden(model: Any, container: str, hidden: int) -> None:
    """Give a Llama-like model hidden states of another width between its blocks; the numbers are still to come.

    Embeddings, norms and shortcuts get their shapes, filled with zeros. The last block leads back to the old width, so
    that the final norm and the head stay; the head is no longer tied to the embeddings. The norms of the blocks
    divide by the old width in effect: their epsilon is scaled for that, what follows them is to be, by the caller.
    """
    embeddings = model.get_input_embeddings()
    width, like = embeddings.weight.shape[1], {"device": embeddings.weight.device, "dtype": embeddings.weight.dtype}

    def zeros(*shape: int) -> nn.Parameter:
        return nn.Parameter(torch.zeros(*shape, **like), requires_grad=False)

    head = model.get_output_embeddings()
    if head.weight is embeddings.weight:
        head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)
    for module in model.modules():
        if hasattr(module, "config"):
            module.config.tie_word_embeddings = False
        if hasattr(module, "all_tied_weights_keys"):
            module.all_tied_weights_keys = {}
    embeddings.weight, embeddings.embedding_dim = zeros(len(embeddings.weight), hidden), hidden
    blocks = list(model.get_submodule(container))
    for block in blocks:
        block.__class__ = _sliced_class(block.__class__)
        block.attention_shortcut = zeros(hidden, hidden)
        block.mlp_shortcut = zeros(hidden, width if block is blocks[-1] else hidden)
        for norm in (block.input_layernorm, block.post_attention_layernorm):
            norm.weight = zeros(hidden)
            norm.variance_epsilon *= width / hidden


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


def _slice(model: nn.Module, step: dict[str, Any]) -> None:
    slice_hidden(model, step["module"], step["hidden"])


STEPS: dict[str, Callable[[nn.Module, dict[str, Any]], None]] = {
    "resize": _resize,
    "count": _count,
    "add_parameter": _add_parameter,
    "add_buffer": _add_buffer,
    "remove": _remove,
    "keep_blocks": _keep_blocks,
    "slice": _slice,
    "factor": _factor,
}
# Steps to which no config has a word: they put modules in place that no transformers class has.
BEYOND_CONFIGS = ("factor", "slice")
