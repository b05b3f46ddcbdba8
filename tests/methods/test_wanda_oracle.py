"""Wanda: |W| times the input norm, compared inside each output row."""

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import Pruned, assert_lowest, correlated_samples, lowest, random_weight, wanda_norm


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_lowest_scores_of_each_row_go(kind, bias, token):
    weight = random_weight(12, 40, seed=1)
    samples = correlated_samples(40, [17, 30, 5], seed=2, offset=1.0)
    result = prune("wanda", kind, weight, token, bias=bias, samples=samples)
    scores = np.abs(weight.astype(np.float64)) * wanda_norm(samples)
    assert assert_lowest(result.mask, scores, "row", PRUNED[token], tie=1e-6) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    result.assert_bias_unchanged()
    assert (result.mask != lowest(np.abs(weight), "row", PRUNED[token])).any()
    if not PRUNED[token].m:
        assert (result.mask.sum(1) == int(40 * PRUNED[token].fraction)).all()


def test_the_norm_is_a_mean_over_samples_so_repeating_the_data_changes_nothing():
    weight = random_weight(6, 24, seed=3)
    samples = correlated_samples(24, [9, 14], seed=4)
    once = prune("wanda", "Linear", weight, "u50", samples=samples)
    thrice = prune("wanda", "Linear", weight, "u50", samples=samples * 3)
    np.testing.assert_array_equal(once.mask, thrice.mask)


def test_inputs_that_are_always_zero_are_pruned_first_whatever_their_weights():
    weight = random_weight(6, 16, seed=5)
    weight[:, [3, 11]] = 100.0
    samples = correlated_samples(16, [20], seed=6)
    samples[0][:, [3, 11]] = 0.0
    result = prune("wanda", "Linear", weight, "u13", samples=samples)  # int(16 * 0.13) = 2 per row
    np.testing.assert_array_equal(np.flatnonzero(result.mask.all(0)), [3, 11])
    assert result.mask.sum() == 12


def test_equal_scores_go_from_the_left():
    weight = np.ones((3, 8), np.float32)
    samples = [np.ones((5, 8), np.float32)]
    result = prune("wanda", "Linear", weight, "u50", samples=samples)
    np.testing.assert_array_equal(result.mask, lowest(weight, "row", Pruned(0.5)))
    np.testing.assert_array_equal(result.mask[:, :4], True)
