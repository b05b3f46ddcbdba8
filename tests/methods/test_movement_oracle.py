"""Movement: magnitude's mask, and the sum of what went is shared out evenly; as published, nothing is shared out."""

import math

import numpy as np
import pytest
import torch

from prunebench.models.linear import LinearView
from prunebench.plugins.loader import load_method
from prunebench.targets import Target
from tests.methods.harness import BIASES, KINDS, METHODS_FOLDER, PRUNED, prune
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


def test_in_16_bits_it_says_how_much_of_what_moved_arrives():
    weight = torch.from_numpy(random_weight(24, 40, seed=1) + np.float32(0.25)).bfloat16()
    layer = LinearView("a.b", torch.nn.Linear(40, 24, bias=False), after_norm=False)
    notes: list[str] = []
    layer.module.to(torch.bfloat16)
    layer.weight.copy_(weight)
    method = load_method("movement", [METHODS_FOLDER])
    result = method.function(layer, None, Target.parse("u30"), note=notes.append)
    (note,) = notes
    exact = weight.double()
    kept = result != 0
    moved = exact[~kept].sum()
    arrived = (result.double() - exact)[kept].sum() / moved
    assert note == f"{arrived:.0%} of what moved is left in torch.bfloat16"
    assert abs(arrived - 1) > 0.01


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_as_published_it_is_magnitude(kind, bias, token, weight):
    result = prune("movement_published", kind, weight, token, bias=bias)
    np.testing.assert_array_equal(result.weight, np.where(lowest(np.abs(weight), "matrix", PRUNED[token]), 0, weight))
    result.assert_bias_unchanged()
