"""STD: STADE's variance metric with its bias on every layer, whatever its input comes from."""

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import Pruned, assert_lowest, correlated_samples, mean_and_variance, random_weight

COLUMNS = 40


@pytest.mark.parametrize("after_norm", [False, True])
@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_lowest_variances_go_and_their_mean_output_stays(kind, bias, token, after_norm):
    weight = random_weight(12, COLUMNS, seed=1)
    samples = correlated_samples(COLUMNS, [17, 30, 5], seed=2, offset=3.0)
    result = prune("std", kind, weight, token, bias=bias, samples=samples, after_norm=after_norm)
    mean, variance = mean_and_variance(samples)
    pruned = PRUNED[token]
    if not bias and not pruned.m:  # the new bias costs one more weight
        pruned = Pruned((int(COLUMNS * pruned.fraction) + 1 + 1e-9) / COLUMNS)
    scores = weight.astype(np.float64) ** 2 * variance
    assert assert_lowest(result.mask, scores, "row", pruned, tie=1e-5) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    for r in range(len(weight)):
        before = float(result.bias_before[r]) if bias else 0.0
        gained = sum(mean[j] * float(weight[r, j]) for j in np.flatnonzero(result.mask[r]))
        assert result.bias[r] == pytest.approx(before + gained, rel=1e-4, abs=1e-4)


def test_after_a_norm_it_differs_from_stade():
    weight, samples = random_weight(12, COLUMNS, seed=1), correlated_samples(COLUMNS, [52], seed=2, offset=3.0)
    std, stade = (prune(m, "Linear", weight, "u50", samples=samples, after_norm=True) for m in ("std", "stade"))
    assert (std.mask != stade.mask).mean() > 0.02
    assert stade.bias is None
