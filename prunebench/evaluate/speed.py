"""How fast a model reads and writes text, beside the dense model in the same run.

The two take turns, and the order of the two alternates: whatever slows the machine down for a while slows down both.
What is compared are the ratios within a turn, by their median, which a disturbed turn does not move.
"""

import time
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from prunebench.config.protocols import Speed
from prunebench.evaluate.footprint import counted, formula_flops
from prunebench.evaluate.mode import evaluating
from prunebench.results.expected import (
    COUNTED_FLOPS,
    DECODE_SPEED,
    DECODE_SPEEDUP,
    FIRST_TOKEN,
    FLOPS,
    INFERENCE_MEMORY,
    OF_DENSE,
    PREFILL_SPEED,
    PREFILL_SPEEDUP,
)
from prunebench.results.records import Measurement

_GB = 1e9


def speed(model: nn.Module, dense: nn.Module, settings: Speed) -> list[Measurement]:
    """Time the two models on one prompt, one sequence at a time, both on the device they are on.

    A turn reads the prompt up to the most likely next token (*prefill*), and then writes token after token with the
    cache this has left (*decode*). As in generation, the logits of the last position alone are computed. A prompt
    that is too long for the model's positions is cut. The token ids are random: they do not matter to the speed.

    Returns:
        `prefill_tokens_per_second`, `decode_tokens_per_second` and `first_token_seconds` of the model and, as dataset
        `dense`, of the dense model; `prefill_speedup` and `decode_speedup`, their ratios. `value` is the median of
        `items`, one for each turn. Without items: `flops` by the papers' formula, `flops_counted` of reading the
        prompt, and `inference_memory_gb`, the peak of weights, cache and activations there, in gigabytes.
    """
    prompt, new_tokens = _prompt(dense, settings)
    with evaluating(model), evaluating(dense):
        flops, memory = counted(model, lambda: _next(model, prompt, None))
        for untimed in (model, dense):  # kernels are chosen and buffers allocated before the clock runs
            _turn(untimed, prompt, new_tokens)
        own: list[_Turn] = []
        others: list[_Turn] = []
        for repetition in range(settings.repetitions):
            for timed, turns in ((model, own), (dense, others))[:: -1 if repetition % 2 else 1]:
                turns.append(_turn(timed, prompt, new_tokens))
    length = prompt.shape[1]
    return [
        *_paces(own, length, new_tokens, ""),
        *_paces(others, length, new_tokens, OF_DENSE),
        _median(PREFILL_SPEEDUP, "", [b.prefill / a.prefill for a, b in zip(own, others, strict=True)]),
        _median(DECODE_SPEEDUP, "", [b.decode / a.decode for a, b in zip(own, others, strict=True)]),
        Measurement(metric=FLOPS, dataset="", value=formula_flops(model)),
        Measurement(metric=COUNTED_FLOPS, dataset="", value=float(flops)),
        Measurement(metric=INFERENCE_MEMORY, dataset="", value=memory / _GB),
    ]


@dataclass(frozen=True)
class _Turn:
    """Seconds it took to read the prompt, and to write all the new tokens."""

    prefill: float
    decode: float


def _prompt(dense: nn.Module, settings: Speed) -> tuple[Tensor, int]:
    """The token ids (1, tokens) to begin with and the number of tokens to write, together within the positions."""
    config, device = dense.config, next(dense.parameters()).device
    positions: int = config.max_position_embeddings  # type: ignore[union-attr, assignment]
    vocabulary: int = config.vocab_size  # type: ignore[union-attr, assignment]
    new_tokens = min(settings.new_tokens, positions // 2)
    length = min(settings.prompt_tokens, positions - new_tokens)
    ids = torch.randint(vocabulary, (1, length), generator=torch.Generator().manual_seed(0))
    return ids.to(device), new_tokens


def _turn(model: nn.Module, prompt: Tensor, new_tokens: int) -> _Turn:
    started = _now(prompt.device)
    token, cache = _next(model, prompt, None)
    first = _now(prompt.device)
    for _ in range(new_tokens):
        token, cache = _next(model, token, cache)
    return _Turn(first - started, _now(prompt.device) - first)


def _next(model: nn.Module, ids: Tensor, cache: object) -> tuple[Tensor, object]:
    """The most likely token (1, 1) after `ids`, and the cache with them."""
    output = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return output.logits[:, -1:].argmax(-1), output.past_key_values


def _now(device: torch.device) -> float:
    """The time in seconds at which all that was asked of the device so far is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _paces(turns: list[_Turn], length: int, new_tokens: int, dataset: str) -> list[Measurement]:
    return [
        _median(PREFILL_SPEED, dataset, [length / turn.prefill for turn in turns]),
        _median(DECODE_SPEED, dataset, [new_tokens / turn.decode for turn in turns]),
        _median(FIRST_TOKEN, dataset, [turn.prefill for turn in turns]),
    ]


def _median(metric: str, dataset: str, items: list[float]) -> Measurement:
    return Measurement(metric=metric, dataset=dataset, value=median(items), items=items)
