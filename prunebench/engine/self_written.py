"""Calibration without data: the model writes the text itself.  Li, Dong and Lei, arXiv 2407.19126, sec. 4.2."""

from typing import Any

import torch
from torch import Tensor

from prunebench.models.placement import on_device

_SEQUENCES = 16  # written side by side


@torch.no_grad()
def self_written(model: Any, samples: int, tokens: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Sequences sampled from the model's own distribution, at temperature 1, nothing cut off.

    Each begins with the token that the config says begins a text; a model without one begins with a random token.
    What ends a text does not end a sequence: the next text follows, as the model has learnt it.

    Args:
        generator: on the CPU, where every token is drawn, so that devices do not change the random numbers.

    Returns:
        (samples, tokens) token ids.
    """
    with on_device(model, device, changes=False):
        parts = [
            _write(model, min(_SEQUENCES, samples - start), tokens, generator)
            for start in range(0, samples, _SEQUENCES)
        ]
    return torch.cat(parts)


def _write(model: Any, sequences: int, tokens: int, generator: torch.Generator) -> Tensor:
    begin = getattr(model.config, "bos_token_id", None)
    vocabulary = model.config.vocab_size
    ids = torch.randint(vocabulary, (sequences, 1), generator=generator)
    if isinstance(begin, int) and 0 <= begin < vocabulary:
        ids.fill_(begin)
    written, cache = [ids], None
    for _ in range(tokens - 1):
        output = model(input_ids=written[-1].to(model.device), past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        chances = output.logits[:, -1].float().softmax(-1).cpu()
        written.append(torch.multinomial(chances, 1, generator=generator))
    return torch.cat(written, 1)
