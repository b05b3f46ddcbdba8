"""STADE, arXiv 2503.22451: W^2 times the input's variance where inputs are not centred, with the bias of Eq. 7.

After a norm it is Wanda and moves no bias. A layer that gains a bias loses one more weight per output (section 3.4).
"""

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import (
    Pruned,
    assert_lowest,
    correlated_samples,
    groups_of,
    mean_and_variance,
    random_weight,
    wanda_norm,
)

COLUMNS = 40


@pytest.fixture
def weight():
    return random_weight(12, COLUMNS, seed=1)


@pytest.fixture
def samples():
    """Inputs whose means are several standard deviations from zero, as behind an activation function."""
    return correlated_samples(COLUMNS, [17, 30, 5], seed=2, offset=3.0)


def with_one_more(pruned):
    """The same pattern with one more weight per row of COLUMNS (N:M has no room for it)."""
    if pruned.m:
        return pruned
    return Pruned((int(COLUMNS * pruned.fraction) + 1 + 1e-9) / COLUMNS)


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_uncentred_inputs_are_scored_by_their_variance(kind, bias, token, weight, samples):
    result = prune("stade", kind, weight, token, bias=bias, samples=samples, after_norm=False)
    mean, variance = mean_and_variance(samples)
    expected = PRUNED[token] if bias else with_one_more(PRUNED[token])
    scores = weight.astype(np.float64) ** 2 * variance
    assert assert_lowest(result.mask, scores, "row", expected, tie=1e-5) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    gained = np.array(
        [sum(mean[j] * float(weight[r, j]) for j in np.flatnonzero(result.mask[r])) for r in range(len(weight))]
    )
    before = result.bias_before if bias else np.zeros(len(weight))
    np.testing.assert_allclose(result.bias, before + gained, rtol=1e-5, atol=1e-5 * np.abs(gained).max())
    assert np.abs(gained).min() > 1e-3


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bias_gained_is_paid_for_with_one_weight_per_output(kind, bias, weight, samples):
    result = prune("stade", kind, weight, "u37", bias=bias, samples=samples)
    k = int(COLUMNS * 0.37)
    np.testing.assert_array_equal(result.mask.sum(1), k if bias else k + 1)
    numbers_before = weight.size + (len(weight) if bias else 0)
    numbers_after = np.count_nonzero(result.weight) + np.count_nonzero(result.bias)
    assert numbers_after == numbers_before - len(weight) * k


@pytest.mark.parametrize("token", ["u50", "u37", "n2m4", "n1m4"])
@pytest.mark.parametrize("bias", BIASES)
def test_the_bias_makes_the_mean_output_error_zero_and_the_error_minimal(bias, token, weight, samples):
    result = prune("stade", "Linear", weight, token, bias=bias, samples=samples)
    tokens = np.concatenate(samples).astype(np.float64)
    before = result.bias_before if bias else np.zeros(len(weight))
    error = (tokens @ weight.T.astype(np.float64) + before) - (
        tokens @ result.weight.T.astype(np.float64) + result.bias
    )
    scale = np.abs(tokens @ weight.T).mean()
    np.testing.assert_allclose(error.mean(0), 0, atol=1e-5 * scale)
    for shift in (0.05, -0.05):
        assert ((error + shift) ** 2).sum() > (error**2).sum()


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_after_a_norm_it_is_wanda(kind, bias, token, weight, samples):
    result = prune("stade", kind, weight, token, bias=bias, samples=samples, after_norm=True)
    scores = np.abs(weight.astype(np.float64)) * wanda_norm(samples)
    assert assert_lowest(result.mask, scores, "row", PRUNED[token], tie=1e-6) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    result.assert_bias_unchanged()


@pytest.mark.parametrize("after_norm", [False, True])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_due_nothing_changes(kind, bias, after_norm, weight, samples):
    for token in ("u00", "u01", "u02"):  # int(40 * 0.02) = 0
        result = prune("stade", kind, weight, token, bias=bias, samples=samples, after_norm=after_norm)
        np.testing.assert_array_equal(result.weight, weight)
        result.assert_bias_unchanged()


def test_removing_one_weight_leaves_the_error_its_score_predicts(weight, samples):
    """Eq. 8: with the bias at its optimum, the mean squared error of removing w_j is w_j^2 Var(x_j)."""
    narrow = weight[:, :40]
    result = prune("stade", "Linear", narrow, "u03", bias=True, samples=samples)  # one weight per row
    tokens = np.concatenate(samples).astype(np.float64)
    _, variance = mean_and_variance(samples)
    error = tokens @ narrow.T.astype(np.float64) + result.bias_before
    error -= tokens @ result.weight.T.astype(np.float64) + result.bias
    measured = (error**2).sum(0) / (len(tokens) - 1)
    for r in range(len(narrow)):
        (j,) = np.flatnonzero(result.mask[r])
        assert measured[r] == pytest.approx(narrow[r, j] ** 2 * variance[j], rel=1e-4)
        assert measured[r] == pytest.approx(min(narrow[r].astype(np.float64) ** 2 * variance), rel=1e-4)


@pytest.mark.parametrize("after_norm", [False, True])
@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_without_bias_the_score_is_the_second_moment(kind, bias, token, after_norm, weight, samples):
    result = prune("stade_nobias", kind, weight, token, bias=bias, samples=samples, after_norm=after_norm)
    mean, variance = mean_and_variance(samples)
    count = sum(len(sample) for sample in samples)
    second_moment = variance * (count - 1) / count + mean**2
    scores = weight.astype(np.float64) ** 2 * second_moment
    # Eq. 12 writes Var + mean^2. With the unbiased variance of Eq. 5 this differs from the second moment, Wanda's
    # squared norm, by Var/n: a relative 1/n, which may reorder weights whose scores are that close.
    assert_lowest(result.mask, scores, "row", PRUNED[token], tie=1 / count + 1e-5)
    assert sum(k for _, k in groups_of(weight.shape, "row", PRUNED[token])) == result.mask.sum()
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))
    result.assert_bias_unchanged()


def test_variance_and_norm_choose_differently_on_these_inputs(weight, samples):
    stade = prune("stade", "Linear", weight, "u50", bias=True, samples=samples)
    wanda = prune("wanda", "Linear", weight, "u50", bias=True, samples=samples)
    assert (stade.mask != wanda.mask).mean() > 0.02
