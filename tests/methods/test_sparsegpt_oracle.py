"""SparseGPT, arXiv 2301.00774, against Optimal Brain Surgeon with exact inverses and against its loops in float64."""

import numpy as np
import pytest

from tests.methods.harness import BIASES, KINDS, PRUNED, prune
from tests.oracles import (
    Pruned,
    correlated_samples,
    damped_hessian,
    least_squares_step,
    lowest,
    obs_with_mask,
    output_error,
    random_weight,
    sparsegpt,
    wanda_norm,
)

TOLERANCE = 2e-4  # of the largest weight: fp32 against float64 through a Cholesky factor and hundreds of updates


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def test_the_oracle_removes_each_weight_by_exact_least_squares():
    """The inverse-Hessian formula of the oracle itself, checked against solving the normal equations."""
    weight = random_weight(3, 10, seed=1)
    hessian, _ = damped_hessian(correlated_samples(10, [20, 12], seed=2))
    mask = np.random.default_rng(3).random(weight.shape) < 0.5
    expected = weight.astype(np.float64)
    for j in range(10):
        for r in np.flatnonzero(mask[:, j]):
            expected[r] = least_squares_step(expected, hessian, r, j)
    np.testing.assert_allclose(obs_with_mask(weight, hessian, mask), expected, atol=1e-10)


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_given_its_mask_the_weights_are_those_of_exact_obs(kind, bias, token):
    weight = random_weight(8, 32, seed=1)
    samples = correlated_samples(32, [40, 60, 25], seed=2, offset=0.5)
    result = prune("sparsegpt", kind, weight, token, bias=bias, samples=samples)
    hessian, dead = damped_hessian(samples)
    assert not dead.any()
    assert_close(result.weight, obs_with_mask(weight, hessian, result.mask))
    assert np.abs(result.weight - np.where(result.mask, 0, weight)).max() > 0.05  # it does update
    result.assert_bias_unchanged()


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("columns", [64, 128, 200, 264])
def test_the_full_algorithm_matches_its_loops_over_blocks_of_128(columns, token):
    weight = random_weight(8, columns, seed=3)
    samples = correlated_samples(columns, [columns, 40, columns // 2], seed=4, offset=0.5)
    result = prune("sparsegpt", "Linear", weight, token, samples=samples)
    expected, mask, differing = sparsegpt(weight, samples, PRUNED[token], chosen=result.mask)
    assert differing <= 4
    np.testing.assert_array_equal(result.weight == 0, mask)
    assert_close(result.weight, expected)
    if not PRUNED[token].m:
        for start in range(0, columns, 128):
            block = result.mask[:, start : start + 128]
            assert block.sum() == int(block.size * PRUNED[token].fraction)


@pytest.mark.parametrize("n_m", [(1, 3), (2, 5), (3, 6)])
def test_groups_that_do_not_divide_a_block_stay_whole(n_m):
    n, m = n_m
    weight = random_weight(6, 180, seed=17)
    samples = correlated_samples(180, [200, 90], seed=18)
    result = prune("sparsegpt", "Linear", weight, f"n{n}m{m}", samples=samples)
    np.testing.assert_array_equal(result.mask.reshape(6, -1, m).sum(-1), n)
    blocksize = 128 // m * m
    expected, _, differing = sparsegpt(weight, samples, Pruned(n / m, n, m), blocksize, chosen=result.mask)
    assert differing == 0
    assert_close(result.weight, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_selection_and_weights_match_without_being_told_the_mask(kind):
    """The loops choose for themselves here; sizes are small enough that no two scores nearly tie."""
    weight = random_weight(6, 24, seed=5)
    samples = correlated_samples(24, [50, 31], seed=6)
    for token in ("u50", "u37", "n2m4", "n4m8", "n1m4"):
        result = prune("sparsegpt", kind, weight, token, samples=samples)
        expected, mask, _ = sparsegpt(weight, samples, PRUNED[token])
        np.testing.assert_array_equal(result.mask, mask)
        assert_close(result.weight, expected)


def test_rows_compete_inside_a_block():
    weight = random_weight(8, 32, seed=7)
    weight[:4] *= 0.2
    result = prune("sparsegpt", "Linear", weight, "u50", samples=correlated_samples(32, [80], seed=8))
    assert result.mask.sum() == 8 * 32 // 2
    assert (result.mask.sum(1)[:4] > result.mask.sum(1)[4:].max()).all()


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("kind", KINDS)
def test_inputs_that_never_fire_lose_their_weights(kind, token):
    weight = random_weight(8, 40, seed=9)
    samples = correlated_samples(40, [50, 50], seed=10)
    dead = [0, 7, 21]
    for sample in samples:
        sample[:, dead] = 0.0
    result = prune("sparsegpt", kind, weight, token, samples=samples)
    assert (result.weight[:, dead] == 0).all()
    assert np.isfinite(result.weight).all()
    expected, _, _ = sparsegpt(weight, samples, PRUNED[token])
    assert_close(result.weight, expected)


def test_dead_inputs_count_with_a_diagonal_of_one_in_the_damping():
    """Visible only where live inputs are small, so that those ones dominate the mean of the diagonal."""
    weight = random_weight(8, 40, seed=9)
    samples = [0.002 * sample for sample in correlated_samples(40, [50, 50], seed=10)]
    for sample in samples:
        sample[:, [0, 7, 21]] = 0.0
    hessian, dead = damped_hessian(samples)
    assert dead.sum() == 3
    assert np.diag(hessian)[dead].mean() > 10 * np.diag(hessian)[~dead].mean()
    result = prune("sparsegpt", "Linear", weight, "u50", samples=samples)
    expected, _, differing = sparsegpt(weight, samples, Pruned(0.5), chosen=result.mask)
    assert differing == 0
    assert_close(result.weight, expected)


@pytest.mark.parametrize("token", ["u50", "n2m4"])
def test_inputs_that_are_all_dead_lose_the_exact_count_and_nothing_else_moves(token):
    weight = random_weight(8, 16, seed=19)
    result = prune("sparsegpt", "Linear", weight, token, samples=[np.zeros((20, 16), np.float32)])
    assert result.mask.sum() == 64
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, weight))


@pytest.mark.parametrize("token", ["u50", "n2m4"])
def test_with_more_dead_weights_than_are_due_the_count_stays_exact_and_live_weights_stay(token):
    """Zeroing every dead input would over-prune and break N:M; those beyond the count do no harm, as nothing fires."""
    weight = random_weight(8, 40, seed=15)
    samples = correlated_samples(40, [50], seed=16)
    samples[0][:, :28] = 0.0
    result = prune("sparsegpt", "Linear", weight, token, samples=samples)
    assert result.mask.sum() == 160
    if token == "u50":
        assert not result.mask[:, 28:].any()
        np.testing.assert_array_equal(result.weight[:, 28:], weight[:, 28:])
    else:
        np.testing.assert_array_equal(result.mask.reshape(8, 10, 4).sum(-1), 2)
        expected, mask, _ = sparsegpt(weight, samples, PRUNED[token])
        np.testing.assert_array_equal(result.mask[:, 28:], mask[:, 28:])
        assert_close(result.weight[:, 28:], expected[:, 28:])


def test_fewer_tokens_than_inputs_is_what_the_damping_is_for():
    weight = random_weight(8, 48, seed=11)
    samples = correlated_samples(48, [9, 7], seed=12)
    result = prune("sparsegpt", "Linear", weight, "u50", samples=samples)
    expected, mask, differing = sparsegpt(weight, samples, Pruned(0.5), chosen=result.mask)
    assert differing == 0
    np.testing.assert_array_equal(result.mask, mask)
    assert_close(result.weight, expected)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_scale_of_the_inputs_does_not_matter(scale):
    weight = random_weight(8, 32, seed=13)
    samples = correlated_samples(32, [60, 20], seed=14)
    plain = prune("sparsegpt", "Linear", weight, "u50", samples=samples)
    scaled = prune("sparsegpt", "Linear", weight, "u50", samples=[scale * sample for sample in samples])
    np.testing.assert_array_equal(plain.mask, scaled.mask)
    assert_close(scaled.weight, plain.weight)


@pytest.mark.parametrize("token", ["u50", "u70", "n2m4", "n4m8"])
@pytest.mark.parametrize("seed", range(5))
def test_its_output_error_is_below_that_of_masks_without_update(seed, token):
    weight = random_weight(16, 64, seed=20 + seed)
    samples = correlated_samples(64, [100, 90], seed=30 + seed)
    pruned = PRUNED[token]
    ours = output_error(weight, prune("sparsegpt", "Linear", weight, token, samples=samples).weight, samples)
    size = np.abs(weight.astype(np.float64))
    masks = {"wanda": lowest(size * wanda_norm(samples), "row", pruned), "magnitude": lowest(size, "matrix", pruned)}
    for name, mask in masks.items():
        assert ours < output_error(weight, np.where(mask, 0, weight), samples), name


@pytest.mark.parametrize("token", PRUNED)
@pytest.mark.parametrize("kind", KINDS)
def test_without_update_the_same_weights_go_and_the_others_keep_their_bits(kind, token):
    weight = random_weight(8, 144, seed=21)
    samples = correlated_samples(144, [100, 90], seed=22)
    updated = prune("sparsegpt", kind, weight, token, bias=True, samples=samples)
    result = prune("sparsegpt@update=False", kind, weight, token, bias=True, samples=samples)
    np.testing.assert_array_equal(result.mask, updated.mask)
    np.testing.assert_array_equal(result.weight, np.where(updated.mask, 0, weight))
    result.assert_bias_unchanged()
    assert (updated.weight[~updated.mask] != weight[~updated.mask]).any()
