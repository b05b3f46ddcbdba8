"""Models of any size with random weights, for measurements that do not depend on what weights have learned."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM

from prunebench.models.mapped import mapped_empty

METHODS = {"magnitude": "u50", "wanda": "u50", "sparsegpt": "u50", "flap": "s20"}  # what is measured on them


@dataclass(frozen=True)
class Shape:
    """Of a Llama; as it is, Llama-7B's."""

    blocks: int = 32
    hidden: int = 4096
    intermediate: int = 11008
    heads: int = 32
    vocabulary: int = 32000
    positions: int = 2048


def random_llama(shape: Shape, dtype: torch.dtype, device: torch.device, mapped: bool) -> nn.Module:
    """A Llama on the CPU, tensor by tensor filled with what `device` draws; with `mapped`, none of it in memory."""
    config = AutoConfig.for_model(
        "llama", num_hidden_layers=shape.blocks, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
        num_attention_heads=shape.heads, num_key_value_heads=shape.heads, vocab_size=shape.vocabulary,
        max_position_embeddings=shape.positions,
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
