"""Perplexity over fixed windows of tokens, each window's loss kept."""

from math import exp, isfinite

import torch
from torch import Tensor, nn

from prunebench.errors import PrunebenchError
from prunebench.evaluate.logprobs import log_normalizer
from prunebench.evaluate.mode import evaluating
from prunebench.evaluate.streaming import window_logits
from prunebench.results.records import Measurement

_LARGEST_EXPONENT = 709.0  # of a float64: exp overflows above


def perplexity(model: nn.Module, windows: Tensor, text: str) -> Measurement:
    """exp of the mean over windows of the mean negative log-likelihood of a window's tokens but the first.

    The protocol of SparseGPT and Wanda, with the log-softmax in float32. A window whose loss is not finite
    counts like any other, so the value is then not finite either.

    Args:
        model: a causal language model; it is called with one window at a time and left as it was.
        windows: (n, window) token ids.
        text: name of the text, the measurement's `dataset`.

    Returns:
        `items` are the windows' mean negative log-likelihoods in nats, each over window - 1 targets.

    Raises:
        PrunebenchError: there are no windows, or they have no targets.
    """
    if windows.dim() != 2 or windows.shape[0] < 1 or windows.shape[1] < 2:
        raise PrunebenchError(
            f"perplexity on {text!r} needs at least one window of at least two tokens, not shape {tuple(windows.shape)}"
        )
    device = next(model.parameters()).device
    with evaluating(model):
        windows = windows.to(device)
        logits = window_logits(model, windows)
        losses = torch.stack(
            [_window_loss(of_window, window) for of_window, window in zip(logits, windows, strict=True)]
        )
    items = losses.tolist()
    mean = sum(items) / len(items)
    value = exp(mean) if not mean > _LARGEST_EXPONENT else float("inf")
    return Measurement(metric="perplexity", dataset=text, value=value, items=items)


def _window_loss(logits: Tensor, window: Tensor) -> Tensor:
    """Mean negative log-likelihood of `window[1:]`, a float64 scalar, from the logits of all its positions."""
    logits = logits[:-1]
    chosen = logits.gather(-1, window[1:, None]).squeeze(-1)
    return (log_normalizer(logits) - chosen.float()).double().mean()


def divergence(measurement: Measurement, largest_nll: float = 20.0) -> str:
    """Why a measurement shows a broken model, or nothing.

    Broken is: the value is not finite, a perplexity's mean loss is above `largest_nll` nats per token, or a
    continuation has no text. Guessing uniformly costs 12 nats for the largest vocabularies in use, so a model
    may be worse than guessing and still count: papers print perplexities of 1e5 as results.
    """
    what = f"{measurement.metric} on {measurement.dataset}"
    if measurement.metric == "continuation" and measurement.text is None:
        return f"continuation of {measurement.dataset!r}: the logits are not numbers"
    if measurement.value is None:
        return ""
    if not isfinite(measurement.value):
        bad = sum(not isfinite(item) for item in measurement.items)
        where = f" ({bad} of {len(measurement.items)} items are not)" if bad else ""
        return f"{what} is not finite{where}"
    if measurement.metric == "perplexity":
        mean = sum(measurement.items) / len(measurement.items)
        if mean > largest_nll:
            return f"{what}: the mean loss is {mean:.1f} nats per token, above the limit of {largest_nll:g}"
    return ""
