"""Models of any size with random weights, for measurements that do not depend on what weights have learned."""

import torch
from torch import Tensor, nn
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM

from prunebench.models.mapped import mapped_empty


def random_llama(
    blocks: int, hidden: int, intermediate: int, heads: int, vocabulary: int, positions: int, dtype: torch.dtype,
    device: torch.device, mapped: bool,
) -> nn.Module:  # fmt: skip
    """A Llama on the CPU, tensor by tensor filled with what `device` draws; with `mapped`, none of it in memory."""
    config = AutoConfig.for_model(
        "llama", num_hidden_layers=blocks, hidden_size=hidden, intermediate_size=intermediate,
        num_attention_heads=heads, num_key_value_heads=heads, vocab_size=vocabulary, max_position_embeddings=positions,
    )  # fmt: skip
    generator = torch.Generator(device).manual_seed(0)

    def drawn(parameter: nn.Parameter) -> Tensor:
        home = mapped_empty(parameter.shape, dtype) if mapped else torch.empty(parameter.shape, dtype=dtype)
        if parameter.dim() == 1:
            return home.fill_(1)
        return home.copy_(torch.randn(parameter.shape, generator=generator, device=device) * 0.02)

    with torch.device("meta"):
        skeleton = AutoModelForCausalLM.from_config(config)
    state = {name: drawn(parameter) for name, parameter in skeleton.named_parameters()}
    model = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].from_pretrained(
        None, config=config, state_dict=state, dtype=dtype
    )
    return model.eval().requires_grad_(False)
