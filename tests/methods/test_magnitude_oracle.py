"""Magnitude: the k smallest of the whole matrix, or the N smallest of every M inputs; nothing else moves."""

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import Pruned, lowest, random_weight


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_weights_of_the_whole_matrix_go(kind, bias, token):
    weight = random_weight(24, 40, seed=1)
    weight[:12] *= 0.3  # rows of unequal size: per-row selection would give another mask
    result = prune("magnitude", kind, weight, token, bias=bias)
    expected = lowest(np.abs(weight), "matrix", PRUNED[token])
    np.testing.assert_array_equal(result.mask, expected)
    np.testing.assert_array_equal(result.weight, np.where(expected, 0, weight))
    result.assert_bias_unchanged()
    if not PRUNED[token].m:
        assert expected.sum() == int(24 * 40 * PRUNED[token].fraction)
        assert (expected != lowest(np.abs(weight), "row", PRUNED[token])).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("token", PRUNED)
def test_ties_go_in_reading_order_and_never_inflate_the_count(kind, token):
    rng = np.random.default_rng(2)
    weight = rng.choice(np.float32([-0.5, -0.25, 0.25, 0.5, 1.0]), size=(16, 24))
    result = prune("magnitude", kind, weight, token)
    np.testing.assert_array_equal(result.mask, lowest(np.abs(weight), "matrix", PRUNED[token]))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_zero_already_count_among_the_pruned(kind):
    weight = random_weight(8, 16, seed=3)
    weight[2:4] = 0.0
    result = prune("magnitude", kind, weight, "u50")
    assert (result.weight == 0).sum() == 64
    np.testing.assert_array_equal(result.weight == 0, lowest(np.abs(weight), "matrix", Pruned(0.5)))
