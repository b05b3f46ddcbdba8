"""Compensation: the bias is the closed form, and least squares never leave a larger error than doing nothing."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.models.units import unit_modules
from prunebench.sparsity.recover import bias_for, recovered, refitted
from tests.tiny_models import tiny_model

ARCHITECTURES = ["llama", "opt", "gpt2", "phi3"]


def setting(model_type, kind, tokens, seed=0, offset=0.5, dtype=torch.float32):
    """A module, units to go, and inputs of its exit with a mean of their own and correlated channels."""
    module = unit_modules(copy.deepcopy(tiny_model(model_type)).to(dtype))[1][kind]
    generator = torch.Generator().manual_seed(seed)
    channels = module.columns.numel()
    X = torch.randn(tokens, channels, generator=generator) @ torch.randn(channels, channels, generator=generator)
    X = X / channels**0.5 + offset
    gone = torch.zeros(module.units, dtype=torch.bool)
    gone[torch.randperm(module.units, generator=generator)[: max(1, module.units // 4)]] = True
    return module, gone, X


def halves(module, gone, X):
    """The exit's weights and inputs of the channels that stay, and of those that go, in fp64."""
    W, X = module.output.weight.double(), X.double()
    stay, go = module.columns[~gone].flatten(), module.columns[gone].flatten()
    return W[:, stay], X[:, stay], W[:, go], X[:, go]


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_the_bias_makes_the_mean_output_what_it_was(model_type, kind):
    module, gone, X = setting(model_type, kind, 300)
    before = copy.deepcopy(module.output.bias)
    W_stay, X_stay, W_go, X_go = halves(module, gone, X)
    old = 0 if before is None else before.double()
    outputs = X_stay @ W_stay.T + X_go @ W_go.T + old
    new = bias_for(module, gone, X.mean(0)).double()
    torch.testing.assert_close((X_stay @ W_stay.T + new).mean(0), outputs.mean(0), rtol=1e-4, atol=1e-4)
    # Of all biases, the mean's is the one with the least squared error.
    error = (X_stay @ W_stay.T + new - outputs).square().sum()
    for step in (-0.01, 0.01):
        assert (X_stay @ W_stay.T + new + step - outputs).square().sum() > error


@settings(max_examples=60, deadline=None)
@given(
    model_type=st.sampled_from(ARCHITECTURES),
    kind=st.sampled_from([0, 1]),
    ridge=st.sampled_from([0.0, 1e-6, 1e-4, 1e-2, 1.0, 100.0]),
    tokens=st.sampled_from([8, 70, 400]),
    offset=st.sampled_from([0.5, 30.0]),
    small=st.sampled_from([1.0, 1e-3]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    seed=st.integers(0, 30),
)
def test_refitting_never_increases_the_error_on_the_calibration_data(
    model_type, kind, ridge, tokens, offset, small, dtype, seed
):
    module, gone, X = setting(model_type, kind, tokens, seed, offset, dtype)
    X[:, module.columns[gone].flatten()] *= small  # little to make up for: rounding the weights may cost more
    W_stay, X_stay, W_go, X_go = halves(module, gone, X)
    new = refitted(module, gone, (X.double().T @ X.double()), ridge, lambda text: None)
    assert new.dtype == dtype  # as it will be stored: rounding counts
    new = new.double()
    lost = X_go @ W_go.T
    plain = lost.square().sum()
    refit = (X_stay @ (W_stay - new).T + lost).square().sum()
    assert refit <= plain * (1 + 1e-4)


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_without_ridge_it_is_the_least_squares_solution(model_type, kind):
    module, gone, X = setting(model_type, kind, 1500)
    W_stay, X_stay, W_go, X_go = halves(module, gone, X)
    wanted = torch.linalg.lstsq(X_stay, X_stay @ W_stay.T + X_go @ W_go.T).solution.T
    new = refitted(module, gone, (X.double().T @ X.double()), 0.0, lambda text: None)
    torch.testing.assert_close(new.double(), wanted, rtol=1e-3, atol=1e-4)
    assert (X_stay @ (W_stay - wanted).T + X_go @ W_go.T).square().sum() < 0.9 * (X_go @ W_go.T).square().sum()


def test_a_large_ridge_leaves_the_weights_as_they_were():
    module, gone, X = setting("llama", 1, 200)
    new = refitted(module, gone, X.T @ X, 1e9, lambda text: None)
    torch.testing.assert_close(new, module.output.weight[:, module.columns[~gone].flatten()], rtol=1e-4, atol=1e-5)


def test_a_system_that_cannot_be_solved_is_damped_and_noted():
    module, gone, X = setting("llama", 1, 200)
    X[:, module.columns[~gone].flatten()[2]] = 0
    notes = []
    new = refitted(module, gone, (X.double().T @ X.double()), 0.0, notes.append)
    assert new.isfinite().all()
    assert notes == ["least squares could not be solved with ridge 0, retried with 1e-10"]


def test_channels_that_are_always_zero_change_nothing():
    module, gone, X = setting("opt", 1, 50)
    X[:, module.columns[~gone].flatten()] = 0
    new = refitted(module, gone, X.T @ X, 0.01, lambda text: None)
    assert torch.equal(new, module.output.weight[:, module.columns[~gone].flatten()])


def drifted(tokens, seed, equal=False):
    """A weight, what it reads in the dense model (X), and what it reads now (Z)."""
    generator = torch.Generator().manual_seed(seed)
    W, X = torch.randn(20, 30, generator=generator), torch.randn(tokens, 30, generator=generator)
    Z = X @ (torch.eye(30) + 0.3 * torch.randn(30, 30, generator=generator)) + 0.2
    return W, X, X if equal else Z


def recover(W, X, Z, ridge, note=lambda text: None):
    return recovered(W, Z.T @ Z, Z.T @ X, ridge, note)


@settings(max_examples=60, deadline=None)
@given(
    tokens=st.sampled_from([5, 31, 300]),
    ridge=st.sampled_from([0.0, 1e-6, 1e-3, 0.1, 100.0]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    seed=st.integers(0, 50),
)
def test_recovery_never_increases_the_error_on_the_calibration_data(tokens, ridge, dtype, seed):
    W, X, Z = drifted(tokens, seed)
    W = W.to(dtype)
    new = recover(W, X, Z, ridge)
    assert new.dtype == dtype
    outputs = X.double() @ W.double().T
    before, after = (((Z.double() @ each.double().T) - outputs).square().sum() for each in (W, new))
    assert after <= before * (1 + 1e-4)


def test_recovery_without_ridge_is_the_least_squares_solution():
    W, X, Z = (each.double() for each in drifted(500, 0))
    wanted = torch.linalg.lstsq(Z, X @ W.T).solution.T
    torch.testing.assert_close(recover(W, X, Z, 0.0), wanted, rtol=1e-6, atol=1e-8)
    assert (Z @ wanted.T - X @ W.T).square().sum() < 0.5 * (Z @ W.T - X @ W.T).square().sum()


def test_recovery_has_nothing_to_do_where_nothing_has_drifted():
    W, X, Z = drifted(7, 0, equal=True)
    assert torch.equal(recover(W, X, Z, 1e-3), W)
    assert torch.equal(recover(W, X, torch.zeros_like(X), 1e-3), W)
