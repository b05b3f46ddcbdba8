"""Tiny random models of every architecture, built in memory."""

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 97

_LLAMA_LIKE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 128,
    "pad_token_id": None,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "llama": _LLAMA_LIKE,
    "mistral": _LLAMA_LIKE | {"sliding_window": 8},
    "qwen2": _LLAMA_LIKE,
    "qwen3": _LLAMA_LIKE,
    "gemma": _LLAMA_LIKE,
    "gemma2": _LLAMA_LIKE | {"sliding_window": 8},
    "gemma3_text": _LLAMA_LIKE | {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"] * 2},
    "phi": _LLAMA_LIKE,
    "phi3": _LLAMA_LIKE,
    "opt": {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "word_embed_proj_dim": 64,
        "ffn_dim": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "gpt2": {
        "vocab_size": VOCABULARY,
        "n_embd": 64,
        "n_layer": 3,
        "n_head": 4,
        "n_positions": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "gpt_neox": _LLAMA_LIKE | {"num_key_value_heads": None},
}
CONFIGS["gemma3_text"]["num_hidden_layers"] = 4


def tiny_model(model_type: str, seed: int = 0, dtype: torch.dtype = torch.float32, **config: object) -> PreTrainedModel:
    """A random model in eval mode; its biases and norms are random too, so that none is trivially zero or one.

    config: what is to be other than in `CONFIGS`.
    """
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **(CONFIGS[model_type] | config)))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model.to(dtype).eval().requires_grad_(False)


def random_ids(samples: int = 5, tokens: int = 24, seed: int = 1) -> torch.Tensor:
    """(samples, tokens) token ids."""
    return torch.randint(0, VOCABULARY, (samples, tokens), generator=torch.Generator().manual_seed(seed))
