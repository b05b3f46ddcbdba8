"""RIA: a weight's share of its row plus its share of its column, times a power of the input norm."""

import math

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import assert_lowest, correlated_samples, lowest, random_weight, wanda_norm


def scores_of(weight, samples, power):
    size = np.abs(weight.astype(np.float64))
    norm = wanda_norm(samples)
    scores = np.zeros(weight.shape)
    for r, c in np.ndindex(weight.shape):
        row, column = math.fsum(size[r]), math.fsum(size[:, c])
        scores[r, c] = (size[r, c] / row + size[r, c] / column) * norm[c] ** power
    return scores


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_relatively_unimportant_go(kind, bias, token):
    weight = random_weight(12, 40, seed=1)
    weight[:6] *= 0.2
    samples = correlated_samples(40, [17, 30, 5], seed=2)
    result = prune("ria", kind, weight, token, bias=bias, samples=samples)
    scores = scores_of(weight, samples, 0.5)
    assert assert_lowest(result.mask, scores, "matrix", PRUNED[token], tie=1e-5) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    result.assert_bias_unchanged()
    assert (result.mask != lowest(np.abs(weight) * wanda_norm(samples), "row", PRUNED[token])).any()


def test_the_power_is_a_parameter():
    weight, samples = random_weight(12, 40, seed=3), correlated_samples(40, [25], seed=4)
    result = prune("ria@power=1", "Linear", weight, "u50", samples=samples)
    assert assert_lowest(result.mask, scores_of(weight, samples, 1), "matrix", PRUNED["u50"], tie=1e-5) == 0
    assert (result.mask != prune("ria", "Linear", weight, "u50", samples=samples).mask).any()


def test_rows_and_columns_of_zeros_score_zero_and_not_nan():
    weight, samples = random_weight(8, 16, seed=5), correlated_samples(16, [25], seed=6)
    weight[2], weight[:, 3] = 0, 0
    result = prune("ria", "Linear", weight, "u50", samples=samples)
    assert (result.weight == 0).sum() == 64
