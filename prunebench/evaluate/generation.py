"""A greedy continuation of a prompt: what a pruned model sounds like."""

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from prunebench.evaluate.mode import evaluating
from prunebench.results.records import Measurement


def continuation(model: nn.Module, tokenizer: PreTrainedTokenizerBase, prompt: str, max_new_tokens: int) -> Measurement:
    """Continue `prompt` by the most likely token, again and again, up to the tokenizer's end of text.

    Each step reads the whole text anew: for a few tokens that costs little, and neither a cache that
    structured pruning has put out of step nor the checkpoint's sampling settings can change the text.

    Returns:
        `text` is the prompt and what follows it, None if a step's logits are not numbers; `dataset` is the prompt.
    """
    device = next(model.parameters()).device
    prompt_ids = tokenizer(prompt, return_tensors="pt").input_ids.to(device)  # (1, tokens)
    ids = prompt_ids
    with evaluating(model):
        for _ in range(max_new_tokens):
            logits = model(input_ids=ids, use_cache=False).logits[0, -1]
            if logits.isnan().any():
                return Measurement(metric="continuation", dataset=prompt)
            token = logits.argmax()
            if token == tokenizer.eos_token_id:
                break
            ids = torch.cat([ids, token.view(1, 1)], dim=1)
    # Decoding the new tokens alone would lose a leading space; decoding the prompt may not give it back as it was.
    decoded = tokenizer.decode(ids[0], skip_special_tokens=True)
    start = len(tokenizer.decode(prompt_ids[0], skip_special_tokens=True))
    return Measurement(metric="continuation", dataset=prompt, text=prompt + decoded[start:])
