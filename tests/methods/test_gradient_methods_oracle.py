"""GBLM and Pruner-Zero: saliencies from the gradients of each calibration sample's loss."""

import math

import numpy as np
import pytest

from prunebench.errors import PrunebenchError
from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import assert_lowest, correlated_samples, lowest, random_weight, wanda_norm

SHAPE = (12, 40)


@pytest.fixture
def weight():
    return random_weight(*SHAPE, seed=1)


@pytest.fixture
def samples():
    return correlated_samples(SHAPE[1], [17, 30, 5], seed=2)


@pytest.fixture
def gradients():
    return [0.05 * random_weight(*SHAPE, seed=seed) for seed in (3, 4, 5)]


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_gblm_adds_the_sum_of_the_gradients_sizes_to_the_input_norm(kind, bias, token, weight, samples, gradients):
    result = prune("gblm", kind, weight, token, bias=bias, samples=samples, gradients=gradients)
    norm = wanda_norm(samples)
    scores = np.zeros(SHAPE)
    for r, c in np.ndindex(SHAPE):
        size = math.fsum(abs(float(g[r, c])) for g in gradients)
        scores[r, c] = abs(float(weight[r, c])) * (100 * size + norm[c])
    assert assert_lowest(result.mask, scores, "row", PRUNED[token], tie=1e-5) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    result.assert_bias_unchanged()
    assert (result.mask != lowest(np.abs(weight) * norm, "row", PRUNED[token])).any()


def test_gblm_without_the_gradients_share_is_wanda(weight, samples, gradients):
    result = prune("gblm@alpha=0", "Linear", weight, "u50", samples=samples, gradients=gradients)
    np.testing.assert_array_equal(result.mask, prune("wanda", "Linear", weight, "u50", samples=samples).mask)


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_pruner_zero_multiplies_the_squared_weight_by_the_scaled_gradient(kind, bias, token, weight, gradients):
    result = prune("pruner_zero", kind, weight, token, bias=bias, gradients=gradients)
    size = np.zeros(SHAPE)
    for r, c in np.ndindex(SHAPE):
        size[r, c] = math.sqrt(math.fsum(float(g[r, c]) ** 2 for g in gradients))
    scores = weight.astype(np.float64) ** 2 * (size - size.min()) / (size.max() - size.min())
    assert assert_lowest(result.mask, scores, "row", PRUNED[token], tie=1e-4) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    result.assert_bias_unchanged()


def test_gradients_that_are_all_alike_are_no_reason_to_fail(weight):
    result = prune("pruner_zero", "Linear", weight, "u50", gradients=[np.ones(SHAPE, np.float32)])
    assert result.mask.sum() == 240


@pytest.mark.parametrize("method", ["gblm", "pruner_zero"])
def test_without_gradients_the_error_names_the_need(method, weight, samples):
    with pytest.raises(PrunebenchError, match="lacks 'gradients'"):
        prune(method, "Linear", weight, "u50", samples=samples)
