"""Models small enough to be pruned in milliseconds, one per way a linear can look."""

import copy

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig, PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

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


def tiny_model(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
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


def with_dead_channels(opt: PreTrainedModel) -> PreTrainedModel:
    """A tiny OPT in which a few inputs of every `fc2` are zero whatever the text."""
    model = copy.deepcopy(opt)
    for block in model.model.decoder.layers:
        for parameter in block.fc1.parameters():
            parameter.data[::7] = 0
    return model


def linear_twin(gpt2: PreTrainedModel) -> PreTrainedModel:
    """A tiny GPT-2 with every Conv1D replaced by the Linear that computes the same."""
    model = copy.deepcopy(gpt2)
    for name, module in gpt2.named_modules():
        if isinstance(module, Conv1D):
            linear = nn.Linear(module.nx, module.nf, dtype=module.weight.dtype)
            linear.weight = nn.Parameter(module.weight.detach().T.contiguous(), requires_grad=False)
            linear.bias = nn.Parameter(module.bias.detach().clone(), requires_grad=False)
            owner, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(owner), leaf, linear)
    return model
