"""The size of a model: its own config if it is there, the recipe it is trained by, or what the registry says."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prunebench.config.registry import ModelSpec, TrainSource
from prunebench.config.shape import Shape
from prunebench.errors import PrunebenchError
from prunebench.layout import MODEL

# What transformers calls each size; the first name that a config has counts.
_NAMES = {
    "blocks": ("num_hidden_layers", "n_layer"),
    "hidden": ("hidden_size", "n_embd"),
    "ffn": ("intermediate_size", "ffn_dim", "n_inner"),
    "heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads",),
    "head_size": ("head_dim",),
    "vocabulary": ("vocab_size",),
    "positions": ("max_position_embeddings", "n_positions"),
    "tied": ("tie_word_embeddings",),
}
_UNGATED = ("opt", "gpt2", "gpt_neox", "phi")
_LEARNED_POSITIONS = ("opt", "gpt2")
# A config lists what differs from its class's defaults; those of these types tie the head.
_TIED = ("opt", "gpt2", "gemma", "gemma2", "gemma3_text")


def shape_of(name: str, spec: ModelSpec) -> Shape:
    """How large a model of the registry is.

    Raises:
        PrunebenchError: nothing says it.
    """
    source = spec.source
    folders = [Path(MODEL.format(model=name)).parent]
    if source.kind == "local" and (path := source.resolve()) is not None:
        folders.append(path / source.member)
    for folder in folders:
        if (shape := read_shape(folder / "config.json")) is not None:
            return shape
    if isinstance(source, TrainSource):
        return _trained(source)
    if spec.shape is None:
        raise PrunebenchError(f"{name}: unknown size; give `shape` in its entry of the model registry")
    return spec.shape


def read_shape(path: Path) -> Shape | None:
    """The sizes in a transformers `config.json`; None if it is not there or says too little."""
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kind = config.get("model_type")
        sizes = {
            size: config[known[0]]
            for size, names in _NAMES.items()
            if (known := [name for name in names if config.get(name) is not None])
        }
        if kind == "gpt2" and "ffn" not in sizes:
            sizes["ffn"] = 4 * sizes["hidden"]
        sizes.setdefault("tied", kind in _TIED)
        return Shape(**sizes, gated=kind not in _UNGATED, learned_positions=kind in _LEARNED_POSITIONS)
    except (OSError, ValueError, ValidationError, KeyError, AttributeError):
        return None


def _trained(recipe: TrainSource) -> Shape:
    return Shape(
        blocks=recipe.layers,
        hidden=recipe.hidden,
        ffn=recipe.feedforward,
        heads=recipe.heads,
        vocabulary=recipe.vocabulary,
        positions=recipe.positions,
        tied=True,
        learned_positions=True,
    )
