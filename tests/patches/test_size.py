"""A patch that only masks costs one bit per weight: 1/16 of the bf16 weights, and at most 1 % on top."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, OPTConfig, PretrainedConfig

from prunebench.models.linear import prunable_linears
from prunebench.patches.diff import make_patch
from prunebench.patches.format import save_patch

CONFIGS: dict[str, PretrainedConfig] = {
    # The shape of a 135M Llama (fewer blocks; overhead and weights both grow with blocks) ...
    "135M llama": LlamaConfig(
        vocab_size=64, hidden_size=576, intermediate_size=1536, num_hidden_layers=4, num_attention_heads=9,
        num_key_value_heads=3, max_position_embeddings=64,
    ),
    # ... and of an OPT of some million weights, the smallest that a default run prunes.
    "tiny opt": OPTConfig(
        vocab_size=64, hidden_size=256, word_embed_proj_dim=256, ffn_dim=1024, num_hidden_layers=4,
        num_attention_heads=4, max_position_embeddings=64,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_a_mask_costs_a_sixteenth_of_the_bf16_weights(tmp_path: Path, name: str) -> None:
    dense: nn.Module = AutoModelForCausalLM.from_config(CONFIGS[name], dtype=torch.bfloat16)
    pruned = copy.deepcopy(dense)
    weights = [linear.weight for linear in prunable_linears(pruned).values()]
    for weight in weights:
        weight.masked_fill_(torch.rand(weight.shape) < 0.5, 0)
    save_patch(tmp_path / "patch", make_patch(dense, pruned), {"method": "wanda", "target": "u50", "model": name})
    bf16_bytes = 2 * sum(weight.numel() for weight in weights)
    assert (tmp_path / "patch").stat().st_size <= bf16_bytes / 16 * 1.01
