"""`InputStatistics` against float64 sums over the same tokens, streamed in batches of unequal length."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.engine.statistics import InputStatistics
from tests.oracles import correlated_samples, gram, mean_and_variance, wanda_norm

ALL = ["input_sq_norm", "input_mean", "input_var", "gram"]
LENGTHS = [31, 1, 64, 7, 128, 2]


def gathered(samples, needs=ALL, dtype=torch.float32):
    """One update per sequence of shape (1, tokens, in)."""
    statistics = InputStatistics(needs, after_norm=False)
    for sample in samples:
        statistics.update(torch.from_numpy(sample)[None].to(dtype), samples=1)
    return statistics


def assert_matches(statistics, samples, var_rtol=1e-5):
    mean, variance = mean_and_variance(samples)
    second_moments = gram(samples)
    np.testing.assert_allclose(statistics.l2_norm.numpy(), wanda_norm(samples), rtol=1e-5)
    np.testing.assert_allclose(statistics.sq_norm.numpy(), np.diag(second_moments), rtol=1e-5)
    np.testing.assert_allclose(statistics.mean.numpy(), mean, rtol=1e-5, atol=1e-5 * np.sqrt(variance).max())
    np.testing.assert_allclose(statistics.var.numpy(), variance, rtol=var_rtol)
    size = np.sqrt(np.outer(np.diag(second_moments), np.diag(second_moments)))
    np.testing.assert_allclose(statistics.gram.numpy() / size, second_moments / size, atol=1e-5)
    for tensor in (statistics.sq_norm, statistics.l2_norm, statistics.mean, statistics.var, statistics.gram):
        assert tensor.dtype == torch.float32


def test_all_statistics_match_float64_over_batches_of_unequal_length():
    samples = correlated_samples(24, LENGTHS, seed=0, offset=1.0)
    statistics = gathered(samples)
    assert_matches(statistics, samples)
    assert statistics.tokens == sum(LENGTHS)
    assert statistics.samples == len(LENGTHS)


@pytest.mark.parametrize("offset", [100.0, 3000.0, -3000.0])
def test_a_mean_far_from_zero_does_not_cancel_the_variance(offset):
    """The variance is about 1e-7 of the second moment: E[x^2] - E[x]^2 in fp32 has no correct digit left."""
    rng = np.random.default_rng(1)
    samples = [(offset + rng.normal(size=(n, 16))).astype(np.float32) for n in LENGTHS]
    statistics = gathered(samples)
    assert_matches(statistics, samples, var_rtol=1e-4)
    tokens = torch.from_numpy(np.concatenate(samples))
    naive = tokens.square().mean(0) - tokens.mean(0).square()
    _, variance = mean_and_variance(samples)
    if abs(offset) > 1000:
        assert (np.abs(naive.numpy() / variance - 1) > 0.01).any()


def test_batches_whose_means_differ_wildly_are_merged_exactly():
    rng = np.random.default_rng(2)
    samples = [(shift + rng.normal(size=(n, 8))).astype(np.float32) for n, shift in [(5, 500), (50, -500), (1, 0)]]
    assert_matches(gathered(samples), samples)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_how_the_tokens_are_cut_into_batches_does_not_matter(lengths, seed):
    samples = correlated_samples(6, lengths, seed, offset=2.0)
    whole = gathered([np.concatenate(samples)])
    parts = gathered(samples)
    for name in ("sq_norm", "mean", "var", "gram"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-4)
    # Wanda's norm is the exception by definition: it divides by the number of sequences.
    torch.testing.assert_close(parts.l2_norm * len(lengths) ** 0.5, whole.l2_norm, rtol=1e-4, atol=1e-6)


def test_several_sequences_in_one_batch_count_as_several():
    samples = correlated_samples(12, [10, 10, 10], seed=3)
    statistics = InputStatistics(ALL, after_norm=False)
    statistics.update(torch.from_numpy(np.stack(samples)), samples=3)
    assert_matches(statistics, samples)


def test_tokens_may_come_as_a_matrix_as_opt_once_gave_them():
    samples = correlated_samples(12, [20, 20], seed=4)
    statistics = InputStatistics(ALL, after_norm=False)
    statistics.update(torch.from_numpy(np.concatenate(samples)), samples=2)
    assert_matches(statistics, samples)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bit_inputs_are_summed_in_fp32(dtype):
    """Hundreds of squares would stall a 16-bit sum, and overflow fp16."""
    rng = np.random.default_rng(5)
    samples = [(20 * rng.normal(size=(n, 8)) + 50).astype(np.float32) for n in (300, 500)]
    rounded = [torch.from_numpy(sample).to(dtype).float().numpy() for sample in samples]
    assert_matches(gathered(samples, dtype=dtype), rounded)


def test_inputs_are_not_modified():
    x = torch.randn(1, 9, 8, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    statistics = InputStatistics(ALL, after_norm=False)
    statistics.update(x, samples=1)
    statistics.update(x, samples=1)
    assert torch.equal(x, before)
