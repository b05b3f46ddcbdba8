"""Models small enough to be pruned in milliseconds, one per way a linear can look."""

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig, PretrainedConfig

_VOCABULARY = 96
_HIDDEN = 64
_SHARED = {"vocab_size": _VOCABULARY, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}

# name -> config: bias-free linears with grouped queries, biased linears, Conv1D.
TINY_CONFIGS: dict[str, PretrainedConfig] = {
    "llama-gqa": LlamaConfig(
        **_SHARED, hidden_size=_HIDDEN, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
    ),
    "opt": OPTConfig(
        **_SHARED, hidden_size=_HIDDEN, word_embed_proj_dim=_HIDDEN, ffn_dim=160, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=64,
    ),
    "gpt2": GPT2Config(**_SHARED, n_embd=_HIDDEN, n_layer=2, n_head=4, n_positions=64),
}  # fmt: skip


def tiny_model(name: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A model of `TINY_CONFIGS` in eval mode, on the CPU, with weights that are the same at every call.

    Biases and norms get values of their own, because ones and zeros would hide methods that ignore them.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(TINY_CONFIGS[name], dtype=dtype).eval()
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.data.add_(0.1 * torch.randn(parameter.shape).to(dtype))
    return model


def tiny_calibration(samples: int = 4, tokens: int = 48) -> Tensor:
    """Token ids (samples, tokens) for any tiny model; more tokens in all than any layer has inputs."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(3, _VOCABULARY, (samples, tokens), generator=generator)
