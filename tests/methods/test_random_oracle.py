"""Random: exact counts per row, uniform, and decided by (seed, layer) alone."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import METHODS_FOLDER, TINY, decoder_blocks, linears_in, random_weight, tiny_llama, weight_of


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_exact_and_the_rest_is_untouched(kind, bias, token):
    weight = random_weight(12, 40, seed=1)
    result = prune("random", kind, weight, token, bias=bias)
    pruned = PRUNED[token]
    if pruned.m:
        np.testing.assert_array_equal(result.mask.reshape(12, -1, pruned.m).sum(-1), pruned.n)
    else:
        np.testing.assert_array_equal(result.mask.sum(1), int(40 * pruned.fraction))
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    result.assert_bias_unchanged()


@pytest.mark.parametrize("token", ["u50", "u13", "n2m4", "n1m4"])
def test_every_position_is_as_likely_as_any_other(token):
    """Chi-squared over positions, of how often 400 seeds prune each; and over sizes of weights."""
    rows, columns, seeds = 8, 40, 400
    weight = random_weight(rows, columns, seed=2)
    counts = np.zeros((rows, columns))
    for seed in range(seeds):
        counts += prune("random", "Linear", weight, token, seed=seed).mask
    share = counts.sum() / (seeds * rows * columns)
    statistic = ((counts - seeds * share) ** 2).sum() / (seeds * share * (1 - share))
    pruned = PRUNED[token]
    group = pruned.m or columns
    # Counts of a group sum to a constant: that takes one degree of freedom from each, and stretches the rest.
    freedom = rows * columns // group * (group - 1)
    statistic *= (group - 1) / group
    assert chi2.ppf(1e-6, freedom) < statistic < chi2.ppf(1 - 1e-6, freedom)
    order = np.argsort(np.abs(weight).ravel())
    smaller, larger = np.split(counts.ravel()[order], 2)
    spread = math.sqrt(seeds * share * (1 - share) * rows * columns)
    assert abs(smaller.sum() - larger.sum()) < 5 * spread


def test_two_neighbours_are_pruned_independently():
    weight = np.ones((64, 40), np.float32)
    both = expected = 0
    for seed in range(50):
        mask = prune("random", "Linear", weight, "u50", seed=seed).mask
        both += (mask[:, ::2] & mask[:, 1::2]).sum()
        expected += mask[:, ::2].size * (20 / 40) * (19 / 39)
    assert abs(both - expected) < 5 * math.sqrt(expected)


def masks_of(model, seed=0, token="u50"):
    ids = torch.zeros(1, 4, dtype=torch.long)
    pruned = prune_cell(model, load_method("random", [METHODS_FOLDER]), Target.parse(token), ids, seed=seed).model
    return {
        layer: weight_of(linear) == 0
        for name, block in decoder_blocks(pruned)
        for layer, linear in linears_in(name, block).items()
    }


@pytest.mark.parametrize("family", sorted(TINY))
def test_the_seed_decides_and_the_global_generator_neither_decides_nor_moves(family):
    model = TINY[family](2)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = masks_of(model)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = masks_of(model)
    other = masks_of(model, seed=1)
    for layer, mask in first.items():
        np.testing.assert_array_equal(mask, again[layer])
        assert 0.3 < (mask != other[layer]).mean() < 0.7, layer


def test_a_layer_gets_its_mask_whatever_is_pruned_before_or_after_it():
    short, long = masks_of(tiny_llama(2)), masks_of(tiny_llama(3, seed=5))
    for layer, mask in short.items():
        np.testing.assert_array_equal(mask, long[layer])


def test_layers_of_equal_shape_get_different_masks():
    masks = list(masks_of(tiny_llama(3)).items())
    for i, (name, mask) in enumerate(masks):
        for other_name, other in masks[i + 1 :]:
            if mask.shape == other.shape:
                assert 0.3 < (mask != other).mean() < 0.7, (name, other_name)
