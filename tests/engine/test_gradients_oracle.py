"""`dense_gradients` against transformers' own loss, one backward pass of the whole model per sample."""

import copy

import pytest
import torch

from prunebench.engine import gradients
from prunebench.engine.gradients import dense_gradients
from prunebench.engine.statistics import TaylorGradients, WeightGradients
from prunebench.errors import PrunebenchError
from tests.oracles import TINY, decoder_blocks, linears_in

CPU = torch.device("cpu")


@pytest.fixture
def calibration():
    return torch.randint(0, 64, (3, 24), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("family", sorted(TINY))
def test_sums_are_those_of_the_models_own_loss_sample_by_sample(family, calibration):
    model = TINY[family]()
    reference = copy.deepcopy(model)
    sums = dense_gradients(model, calibration, CPU, WeightGradients)
    linears = {n: m for name, block in decoder_blocks(reference) for n, m in linears_in(name, block).items()}
    assert sums.keys() == linears.keys()
    absolute = {name: torch.zeros_like(layer.weight) for name, layer in linears.items()}
    squared = copy.deepcopy(absolute)
    for ids in calibration:
        reference.zero_grad()
        reference(input_ids=ids[None], labels=ids[None]).loss.backward()
        for name, layer in linears.items():
            absolute[name] += layer.weight.grad.abs()
            squared[name] += layer.weight.grad**2
    for name in linears:
        turned = (lambda t: t.T) if family == "gpt2" else (lambda t: t)
        torch.testing.assert_close(sums[name].absolute, turned(absolute[name]), rtol=1e-3, atol=1e-6)
        torch.testing.assert_close(sums[name].squared, turned(squared[name]), rtol=1e-3, atol=1e-9)
        assert sums[name].absolute.max() > 0


@pytest.mark.parametrize("family", sorted(TINY))
def test_signed_sums_keep_the_sign_sample_by_sample(family, calibration):
    model = TINY[family]()
    sums = dense_gradients(model, calibration, CPU, TaylorGradients)
    reference = copy.deepcopy(model)
    linears = {n: m for name, block in decoder_blocks(reference) for n, m in linears_in(name, block).items()}
    for ids in calibration:
        reference(input_ids=ids[None], labels=ids[None]).loss.backward()  # adds up in .grad
    for name, layer in linears.items():
        wanted = layer.weight.grad.T if family == "gpt2" else layer.weight.grad
        torch.testing.assert_close(sums[name].signed, wanted, rtol=1e-3, atol=1e-6)
        assert sums[name].signed.min() < 0 < sums[name].signed.max()


def test_the_model_is_left_as_it_was(calibration):
    model = TINY["opt"]()
    model.model.decoder.embed_tokens.weight.requires_grad_(False)
    before = {name: (p.detach().clone(), p.requires_grad) for name, p in model.named_parameters()}
    with torch.no_grad():
        dense_gradients(model, calibration, CPU, WeightGradients)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name][0])
        assert parameter.requires_grad == before[name][1]
        assert parameter.grad is None


def test_gradients_that_vanish_in_16_bits_survive(calibration):
    def faint(dtype):
        # A final norm of 1e-6 makes gradients that are below fp16's smallest number, 6e-8, but not summed over tokens.
        model = TINY["llama"]()
        model.model.norm.weight.data.fill_(1e-6)
        return dense_gradients(model.to(dtype), calibration, CPU, WeightGradients)

    exact, coarse = faint(torch.float32), faint(torch.float16)
    name = "model.layers.0.mlp.down_proj"
    assert 0 < exact[name].absolute.median() / len(calibration) < 6e-8
    assert coarse[name].absolute.dtype == torch.float32
    assert coarse[name].absolute.sum().item() == pytest.approx(exact[name].absolute.sum().item(), rel=0.5)


def test_a_gradient_that_is_not_finite_is_told(calibration, monkeypatch):
    monkeypatch.setattr(gradients.F, "cross_entropy", lambda logits, *_, **__: logits.sum() * torch.inf)
    with pytest.raises(PrunebenchError, match=r"q_proj is not finite in torch\.float32"):
        dense_gradients(TINY["llama"](), calibration, CPU, WeightGradients)
