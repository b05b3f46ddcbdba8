"""Perplexity against token-by-token loops and the reference formula; broken models stay visible."""

import math
import warnings

import pytest
import torch
from torch import nn

from prunebench.contract.tiny_models import TINY_CONFIGS, tiny_calibration, tiny_model
from prunebench.errors import PrunebenchError
from prunebench.evaluate.logprobs import log_normalizer
from prunebench.evaluate.perplexity import divergence, perplexity
from prunebench.results.records import Measurement

WINDOWS = tiny_calibration(samples=3, tokens=17)


def slow_losses(model: nn.Module, windows: torch.Tensor) -> list[float]:
    """Mean loss per window: one forward per predicted token on what stands before it, float64 log-softmax."""
    losses = []
    for window in windows:
        total = 0.0
        for end in range(1, len(window)):
            with torch.no_grad():
                logits = model(window[None, :end]).logits[0, -1].double()
            total -= torch.log_softmax(logits, -1)[window[end]].item()
        losses.append(total / (len(window) - 1))
    return losses


@pytest.mark.parametrize("name", TINY_CONFIGS)
def test_equals_a_token_by_token_loop(name: str) -> None:
    model = tiny_model(name)
    expected = slow_losses(model, WINDOWS)
    measured = perplexity(model, WINDOWS, "a-text")
    assert (measured.metric, measured.dataset) == ("perplexity", "a-text")
    assert measured.items == pytest.approx(expected, rel=1e-5)
    assert measured.value == pytest.approx(math.exp(sum(expected) / len(expected)), rel=1e-5)


def test_equals_the_reference_formula() -> None:
    # Wanda and SparseGPT multiply each window's mean loss by its length and divide by all tokens in the end.
    model = tiny_model("opt")
    total = 0.0
    for window in WINDOWS:
        with torch.no_grad():
            logits = model(window[None]).logits
        loss = nn.CrossEntropyLoss()(logits[0, :-1], window[1:])
        total += loss.item() * len(window)
    expected = math.exp(total / WINDOWS.numel())
    assert perplexity(model, WINDOWS, "text").value == pytest.approx(expected, rel=1e-6)


def test_half_precision_logits_are_normalised_in_float32() -> None:
    model = tiny_model("llama-gqa", torch.bfloat16)
    with torch.no_grad():
        logits = [model(window[None]).logits[0, :-1] for window in WINDOWS]
    in_float64 = [
        nn.functional.cross_entropy(logit.double(), window[1:]).item()
        for logit, window in zip(logits, WINDOWS, strict=True)
    ]
    in_bfloat16 = [
        nn.functional.cross_entropy(logit, window[1:]).item() for logit, window in zip(logits, WINDOWS, strict=True)
    ]
    items = perplexity(model, WINDOWS, "text").items
    assert items == pytest.approx(in_float64, rel=1e-6)
    assert items != pytest.approx(in_bfloat16, rel=1e-6)  # the difference this test is about is there


@pytest.mark.parametrize("vocabulary", [3, 2**18 - 1, 2**19 + 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_normaliser_does_not_depend_on_how_the_logits_are_cut(vocabulary: int, dtype: torch.dtype) -> None:
    logits = (8 * torch.randn(5, vocabulary, generator=torch.Generator().manual_seed(0))).to(dtype)
    torch.testing.assert_close(log_normalizer(logits), logits.double().logsumexp(-1).float(), rtol=1e-6, atol=1e-6)


def test_a_window_without_a_finite_loss_counts() -> None:
    model = tiny_model("gpt2")
    spoilt = 7
    windows = WINDOWS.clone()
    windows[windows == spoilt] = spoilt + 1
    windows[1, 5] = spoilt
    with torch.no_grad():
        model.transformer.wte.weight[spoilt] = float("nan")
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.nan_to_num())  # else every logit row holds a NaN
    measured = perplexity(model, windows, "text")
    assert [math.isfinite(item) for item in measured.items] == [True, False, True]
    assert measured.value is not None
    assert math.isnan(measured.value)
    assert divergence(measured) == "perplexity on text is not finite (1 of 3 items are not)"


def test_a_loss_too_large_for_exp_is_infinite_and_diverged() -> None:
    model = tiny_model("gpt2")
    model.lm_head.weight = nn.Parameter(1e6 * model.lm_head.weight.detach())
    measured = perplexity(model, WINDOWS, "text")
    assert all(math.isfinite(item) for item in measured.items)
    assert measured.value == math.inf
    assert divergence(measured) == "perplexity on text is not finite"


@pytest.mark.parametrize(("loss", "diverged"), [(11.0, False), (13.0, False), (19.9, False), (20.1, True)])
def test_a_mean_loss_above_the_limit_is_diverged(loss: float, diverged: bool) -> None:
    measured = Measurement(metric="perplexity", dataset="text", value=math.exp(loss), items=[loss, loss])
    said = f"perplexity on text: the mean loss is {loss} nats per token, above the limit of 20" if diverged else ""
    assert divergence(measured) == said


def test_other_measurements_diverge_only_where_they_are_not_numbers() -> None:
    assert not divergence(Measurement(metric="acc", dataset="piqa", value=0.0, items=[0.0]))
    assert not divergence(Measurement(metric="continuation", dataset="A", text="A b"))
    assert "acc on piqa" in divergence(Measurement(metric="acc", dataset="piqa", value=math.nan, items=[math.nan, 1.0]))


@pytest.mark.parametrize("shape", [(0, 8), (3, 1), (8,)])
def test_windows_that_predict_nothing_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(PrunebenchError, match="'wiki' needs at least one window of at least two tokens"):
        perplexity(tiny_model("opt"), torch.zeros(shape, dtype=torch.int64), "wiki")


def test_the_model_keeps_its_modes_and_dropout_is_off() -> None:
    model = tiny_model("opt")
    expected = perplexity(model, WINDOWS, "text").items
    model.model.decoder.layers[1].train()
    modes = [module.training for module in model.modules()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert perplexity(model, WINDOWS, "text").items == expected
    assert [module.training for module in model.modules()] == modes
    assert torch.is_grad_enabled()
