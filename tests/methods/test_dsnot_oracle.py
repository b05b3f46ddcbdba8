"""DSnoT, arXiv 2310.08915: from Wanda's mask, swaps that bring each output's expected change towards zero."""

import numpy as np
import pytest

from prunebench.errors import PrunebenchError
from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import correlated_samples, lowest, mean_and_variance, random_weight, wanda_norm

COLUMNS = 40
ATTENTION = "model.layers.0.self_attn.o_proj"


@pytest.fixture
def weight():
    return random_weight(12, COLUMNS, seed=1)


@pytest.fixture
def samples():
    return correlated_samples(COLUMNS, [17, 30, 5], seed=2, offset=1.0)


def partners(grown, cut, helps, m):
    """Kept weights that may go when `grown` comes back: those of its group, or those whose loss helps, too."""
    return [c for c in cut if (c // m == grown // m if m else helps[c] < 0)]


def dsnot(weight, samples, pruned, cycles=50, threshold=0.1):
    """One row after another, one swap after another."""
    weight = weight.astype(np.float64)
    mean, variance = mean_and_variance(samples)
    expected = mean * sum(len(sample) for sample in samples) / len(samples)
    saliency = np.abs(weight) * wanda_norm(samples)
    mask = lowest(saliency, "row", pruned)
    swaps = 0
    for r in range(len(weight)):
        gain = weight[r] * expected
        side = np.sign(sum(gain[j] for j in np.flatnonzero(mask[r])))
        grow, cut = set(np.flatnonzero(mask[r])), set(np.flatnonzero(~mask[r]))
        for _ in range(cycles):
            error = sum(gain[j] for j in np.flatnonzero(mask[r]))
            if abs(error) <= threshold:
                break
            sign = np.sign(error)
            able = [j for j in grow if sign * gain[j] > 0 and partners(j, cut, sign * gain, pruned.m)]
            if not able:
                break
            back = max(able, key=(sign * gain / variance).__getitem__)
            gone = min(partners(back, cut, sign * gain, pruned.m), key=saliency[r].__getitem__)
            if pruned.m and np.sign(error + gain[gone] - gain[back]) != side:
                break
            mask[r, back], mask[r, gone] = False, True
            grow.remove(back)
            cut.remove(gone)
            swaps += 1
    return mask, swaps


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_swaps_are_those_of_the_loops(kind, bias, token, weight, samples):
    result = prune("dsnot", kind, weight, token, bias=bias, samples=samples, name=ATTENTION)
    expected, swaps = dsnot(weight, samples, PRUNED[token])
    assert swaps > len(weight)
    np.testing.assert_array_equal(result.mask, expected)
    np.testing.assert_array_equal(result.weight, np.where(expected, 0, weight))
    result.assert_bias_unchanged()


@pytest.mark.parametrize(("variant", "settings"), [("cycles=3", {"cycles": 3}), ("threshold=5", {"threshold": 5.0})])
@pytest.mark.parametrize("token", ["u50", "n2m4"])
def test_cycles_and_threshold_are_parameters(variant, settings, token, weight, samples):
    result = prune(f"dsnot@{variant}", "Linear", weight, token, samples=samples, name=ATTENTION)
    expected, _ = dsnot(weight, samples, PRUNED[token], **settings)
    np.testing.assert_array_equal(result.mask, expected)
    assert (expected != dsnot(weight, samples, PRUNED[token])[0]).any()


@pytest.mark.parametrize("token", ["u50", "u70"])
def test_the_expected_change_of_the_outputs_shrinks(token):
    weight, samples = random_weight(12, 400, seed=3), correlated_samples(400, [500], seed=4, offset=1.0)
    mean, _ = mean_and_variance(samples)
    wanda, ours = (prune(m, "Linear", weight, token, samples=samples, name=ATTENTION) for m in ("wanda", "dsnot"))
    change = [np.abs((result.weight - weight) @ mean).mean() for result in (wanda, ours)]
    assert change[1] < 0.2 * change[0]


@pytest.mark.parametrize(
    ("layer", "attention"),
    [
        (ATTENTION, True),
        ("model.layers.0.mlp.down_proj", False),
        ("model.decoder.layers.1.self_attn.out_proj", True),
        ("model.decoder.layers.1.fc1", False),
        ("transformer.h.2.attn.c_proj", True),
        ("transformer.h.2.mlp.c_fc", False),
        ("gpt_neox.layers.0.attention.dense", True),
    ],
)
def test_layers_to_be_skipped_keep_the_mask_of_wanda(layer, attention, weight, samples):
    wanda = prune("wanda", "Linear", weight, "u50", samples=samples).mask

    def changed(method):
        return (prune(method, "Linear", weight, "u50", samples=samples, name=layer).mask != wanda).any()

    assert changed("dsnot") == attention
    assert changed("dsnot@skip=self_attn") != attention
    assert changed("dsnot@skip=none")


def test_a_part_that_cannot_be_skipped_is_told(weight, samples):
    with pytest.raises(PrunebenchError, match=r"unknown value of 'skip' 'atn' in .*did you mean 'self_attn'"):
        prune("dsnot@skip=atn", "Linear", weight, "u50", samples=samples)


@pytest.mark.parametrize("token", PRUNED)
def test_inputs_that_never_change_do_no_harm(token, weight, samples):
    for sample in samples:
        sample[:, [0, 9]] = 0.0
        sample[:, [5, 20]] = 0.5
    result = prune("dsnot", "Linear", weight, token, samples=samples, name=ATTENTION)
    pruned = PRUNED[token]
    if pruned.m:
        np.testing.assert_array_equal(result.mask.reshape(12, -1, pruned.m).sum(-1), pruned.n)
    else:
        np.testing.assert_array_equal(result.mask.sum(1), int(COLUMNS * pruned.fraction))
