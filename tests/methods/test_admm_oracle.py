"""ADMM pruning, arXiv 2401.02938: alternate sparse copies and dense least squares while the sparsity rises."""

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import Pruned, correlated_samples, gram, lowest, output_error, random_weight

TOKENS = ("u50", "u37", "u70", "n2m4", "n4m8", "n1m4")


def admm(weight, samples, pruned, iterations=20, ramp=15):
    """The loop of the paper in float64, with an inverse where the method has a factorisation."""
    second = gram(samples)
    norm = np.sqrt(np.diag(second)) + 1e-8
    second = second / np.outer(norm, norm)
    second += 0.1 * np.mean(np.diag(second)) * np.eye(len(second))
    dense = weight.astype(np.float64) * norm
    current, dual = dense.copy(), np.zeros_like(dense)
    inverse = np.linalg.inv(second + np.eye(len(second)))
    mask = np.zeros(weight.shape, dtype=bool)
    for step in range(iterations):
        if step < ramp:
            due = int(weight.size * pruned.fraction * (1 - (1 - (step + 1) / ramp) ** 3))
            size = np.abs(current + dual)
            if pruned.m:
                allowed = lowest(size, "matrix", pruned)
                due = allowed.sum() if step == ramp - 1 else due
                size = np.where(allowed, size, np.inf)
            order = sorted(np.ndindex(weight.shape), key=lambda cell: size[cell])
            mask[:] = False
            for cell in order[:due]:
                mask[cell] = True
        sparse = np.where(mask, 0, current + dual)
        dual = dual + current - sparse
        current = (dense @ second + sparse - dual) @ inverse
    return np.where(mask, 0, current + dual) / norm, mask


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_mask_and_weights_are_those_of_the_loop(kind, bias, token):
    weight = random_weight(8, 32, seed=1)
    samples = correlated_samples(32, [60, 41], seed=2)
    result = prune("admm", kind, weight, token, bias=bias, samples=samples)
    expected, mask = admm(weight, samples, PRUNED[token])
    np.testing.assert_array_equal(result.mask, mask)
    np.testing.assert_allclose(result.weight, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
    result.assert_bias_unchanged()


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("seed", range(4))
def test_its_output_error_is_far_below_that_of_masks_without_update(seed, token):
    weight = random_weight(16, 64, seed=20 + seed)
    samples = correlated_samples(64, [100, 90], seed=30 + seed)
    errors = {
        m: output_error(weight, prune(m, "Linear", weight, token, samples=samples).weight, samples)
        for m in ("admm", "wanda", "magnitude")
    }
    assert errors["admm"] < 0.8 * min(errors["wanda"], errors["magnitude"])


def test_weights_of_inputs_that_never_fire_go_first():
    weight = random_weight(8, 40, seed=9)
    samples = correlated_samples(40, [50, 50], seed=10)
    for sample in samples:
        sample[:, [0, 7, 21]] = 0.0
    result = prune("admm", "Linear", weight, "u50", samples=samples)
    assert result.mask[:, [0, 7, 21]].all()
    assert np.isfinite(result.weight).all()
    assert result.mask.sum() == 160


@pytest.mark.parametrize(
    ("variant", "iterations", "ramp"),
    [("iterations=5,ramp=3", 5, 3), ("iterations=5", 5, 5), ("iterations=0,ramp=0", 1, 1)],
)
def test_the_parameters_count_and_the_mask_is_complete_in_the_end(variant, iterations, ramp):
    weight, samples = random_weight(8, 32, seed=1), correlated_samples(32, [60, 41], seed=2)
    result = prune(f"admm@{variant}", "Linear", weight, "u50", samples=samples)
    expected, mask = admm(weight, samples, Pruned(0.5), iterations=iterations, ramp=ramp)
    np.testing.assert_array_equal(result.mask, mask)
    np.testing.assert_allclose(result.weight, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
