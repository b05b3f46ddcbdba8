"""Movement: magnitude's mask, and the sum of what went is shared out evenly; as published, nothing is shared out."""

import math

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import lowest, random_weight


@pytest.fixture
def weight():
    """Weights with a mean of their own, so that the pruned ones do not sum to about zero."""
    return random_weight(24, 40, seed=1) + np.float32(0.25)


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_kept_weights_gain_an_equal_share_of_the_pruned_ones(kind, bias, token, weight):
    result = prune("movement", kind, weight, token, bias=bias)
    expected_mask = lowest(np.abs(weight), "matrix", PRUNED[token])
    np.testing.assert_array_equal(result.mask, expected_mask)
    moved = math.fsum(float(w) for w in weight[expected_mask])
    share = moved / int((~expected_mask).sum())
    assert abs(share) > 1e-5
    for cell in np.ndindex(weight.shape):
        wanted = 0.0 if expected_mask[cell] else float(weight[cell]) + share
        assert result.weight[cell] == pytest.approx(wanted, rel=1e-5, abs=1e-7)
    result.assert_bias_unchanged()


@pytest.mark.parametrize("token", PRUNED)
def test_the_matrix_keeps_its_sum(token, weight):
    result = prune("movement", "Linear", weight, token)
    assert result.weight.astype(np.float64).sum() == pytest.approx(weight.astype(np.float64).sum(), rel=1e-5)


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_as_published_it_is_magnitude(kind, bias, token, weight):
    result = prune("movement_published", kind, weight, token, bias=bias)
    np.testing.assert_array_equal(result.weight, np.where(lowest(np.abs(weight), "matrix", PRUNED[token]), 0, weight))
    result.assert_bias_unchanged()
