"""One entry per architecture: where its decoder blocks are, which linears read the same input, which are coupled.

To add an architecture, add its `config.model_type` to `ARCHITECTURES`. `architecture_of` checks the entry
against the model, so a wrong or incomplete one is an error and never a model that is silently left dense.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from prunebench.errors import PrunebenchError, unknown_name


@dataclass(frozen=True)
class InputGroup:
    """Linears of one block that read the same tensor, so its statistics are gathered once.

    `after_norm`: the tensor comes straight out of the block's LayerNorm or RMSNorm ("centred" in STADE).
    """

    linears: tuple[str, ...]
    after_norm: bool


# What an attribute of an attention module counts: its query heads, its key-value heads, or the rows of its queries.
Counted = Literal["heads", "kv_heads", "width"]


@dataclass(frozen=True)
class DepthTwo:
    """Linears of one block that are coupled by what lies between them: attention heads or MLP channels.

    Attributes:
        reads: the linears at its entrance, each with the roles its rows play: `q`, `k`, `v`; `gate`, `up`. A fused
            linear has several, one after another.
        output: the linear at its exit; its columns are heads or channels.
        interleaved: a fused linear has q, k, v of the first head, then those of the second, and so on.
        counts: attributes of the attention module that its forward derives shapes from, and what they count; one of
            the module's config is written `config.name`. Everything else follows from the shapes of the weights.
    """

    kind: Literal["attention", "mlp"]
    reads: Mapping[str, tuple[str, ...]]
    output: str
    interleaved: bool = False
    counts: Mapping[str, Counted] = field(default_factory=dict)


@dataclass(frozen=True)
class Architecture:
    """`container` is the dotted path of the list of decoder blocks; other names are relative to a block."""

    container: str
    input_groups: tuple[InputGroup, ...]
    depth_two: tuple[DepthTwo, DepthTwo]

    def blocks(self, model: nn.Module) -> list[tuple[str, nn.Module]]:
        """The decoder blocks in order, each with its dotted name in the model."""
        return [
            (f"{self.container}.{name}", block) for name, block in model.get_submodule(self.container).named_children()
        ]


def _normed(*linears: str) -> InputGroup:
    return InputGroup(linears, after_norm=True)


def _plain(*linears: str) -> InputGroup:
    return InputGroup(linears, after_norm=False)


def _attention(output: str) -> DepthTwo:
    return DepthTwo("attention", {f"self_attn.{role}_proj": (role,) for role in "qkv"}, output)


_GATED = DepthTwo("mlp", {"mlp.gate_proj": ("gate",), "mlp.up_proj": ("up",)}, "mlp.down_proj")
_QKV = _normed("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_LLAMA = Architecture(
    "model.layers",
    (_QKV, _plain("self_attn.o_proj"), _normed("mlp.gate_proj", "mlp.up_proj"), _plain("mlp.down_proj")),
    (_attention("self_attn.o_proj"), _GATED),
)

ARCHITECTURES: dict[str, Architecture] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "gemma": _LLAMA,
    "gemma2": _LLAMA,
    "gemma3_text": _LLAMA,
    "phi": Architecture(
        "model.layers",
        # Phi runs attention and MLP side by side on the same normalised tensor.
        (
            _normed("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.fc1"),
            _plain("self_attn.dense"),
            _plain("mlp.fc2"),
        ),
        (_attention("self_attn.dense"), DepthTwo("mlp", {"mlp.fc1": ("up",)}, "mlp.fc2")),
    ),
    "phi3": Architecture(
        "model.layers",
        (
            _normed("self_attn.qkv_proj"),
            _plain("self_attn.o_proj"),
            _normed("mlp.gate_up_proj"),
            _plain("mlp.down_proj"),
        ),
        (
            DepthTwo(
                "attention",
                {"self_attn.qkv_proj": ("q", "k", "v")},
                "self_attn.o_proj",
                counts={"config.num_attention_heads": "heads", "num_key_value_heads": "kv_heads"},
            ),
            DepthTwo("mlp", {"mlp.gate_up_proj": ("gate", "up")}, "mlp.down_proj"),
        ),
    ),
    "opt": Architecture(
        "model.decoder.layers",
        (_QKV, _plain("self_attn.out_proj"), _normed("fc1"), _plain("fc2")),
        (
            replace(_attention("self_attn.out_proj"), counts={"num_heads": "heads"}),
            DepthTwo("mlp", {"fc1": ("up",)}, "fc2"),
        ),
    ),
    "gpt2": Architecture(
        "transformer.h",
        (_normed("attn.c_attn"), _plain("attn.c_proj"), _normed("mlp.c_fc"), _plain("mlp.c_proj")),
        (
            DepthTwo(
                "attention",
                {"attn.c_attn": ("q", "k", "v")},
                "attn.c_proj",
                counts={"num_heads": "heads", "split_size": "width"},
            ),
            DepthTwo("mlp", {"mlp.c_fc": ("up",)}, "mlp.c_proj"),
        ),
    ),
    "gpt_neox": Architecture(
        "gpt_neox.layers",
        (
            _normed("attention.query_key_value"),
            _plain("attention.dense"),
            _normed("mlp.dense_h_to_4h"),
            _plain("mlp.dense_4h_to_h"),
        ),
        (
            DepthTwo("attention", {"attention.query_key_value": ("q", "k", "v")}, "attention.dense", interleaved=True),
            DepthTwo("mlp", {"mlp.dense_h_to_4h": ("up",)}, "mlp.dense_4h_to_h"),
        ),
    ),
}


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer prunebench knows how to prune."""
    return isinstance(module, nn.Linear | Conv1D)


def architecture_of(model: PreTrainedModel) -> Architecture:
    """The table entry of a loaded transformers model, checked against the model itself.

    Raises:
        PrunebenchError: the architecture is not in the table, or the entry does not fit the model.
    """
    model_type = model.config.model_type
    if model_type not in ARCHITECTURES:
        error = unknown_name("architecture", model_type, ARCHITECTURES)
        raise PrunebenchError(f"{error}; to prune it, add an entry to prunebench/models/architectures.py")
    architecture = ARCHITECTURES[model_type]
    described = {name for group in architecture.input_groups for name in group.linears}
    blocks = architecture.blocks(model)
    if not blocks:
        raise PrunebenchError(f"the {model_type} model has no decoder blocks, so there is nothing to prune")
    for block_name, block in blocks:
        present = {name for name, module in block.named_modules() if is_linear(module)}
        if present != described:
            raise PrunebenchError(
                f"the {model_type} entry of prunebench/models/architectures.py does not fit {block_name}: "
                f"missing {sorted(described - present)}, undescribed {sorted(present - described)}"
            )
    return architecture
