"""Singular values and distances of distributions against numpy and scipy."""

import warnings

import numpy as np
import pytest
import scipy.stats
import torch

from prunebench.engine.spectra import anderson_darling, kolmogorov_smirnov, singular_values

SIZES = [(5, 9), (40, 31), (200, 7), (1, 3)]


def _samples(sizes, seed, decimals=None):
    rng = np.random.default_rng(seed)
    pair = [rng.normal(size=sizes[0]), 0.3 + 1.2 * rng.normal(size=sizes[1])]
    return pair if decimals is None else [sample.round(decimals) for sample in pair]


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (6, 6), (1, 3)])
def test_singular_values(shape):
    matrix = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(
        singular_values(torch.tensor(matrix)), np.sort(np.linalg.svd(matrix, compute_uv=False)), rtol=1e-7
    )


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("decimals", [None, 0])
def test_kolmogorov_smirnov(sizes, decimals):
    a, b = _samples(sizes, 2, decimals)
    ours = kolmogorov_smirnov(torch.tensor(a), torch.tensor(b))
    assert ours == pytest.approx(scipy.stats.ks_2samp(a, b, method="asymp").statistic, abs=1e-12)


@pytest.mark.parametrize("sizes", SIZES[:3])
@pytest.mark.parametrize("decimals", [None, 0])
def test_anderson_darling_is_scipys_before_it_is_standardised(sizes, decimals):
    # scipy returns (A^2 - 1) / sigma, where sigma depends on the sizes alone.
    sigmas = []
    for seed in range(3, 8):
        a, b = _samples(sizes, seed, decimals)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = scipy.stats.anderson_ksamp([a, b], midrank=False).statistic
        sigmas.append((anderson_darling(torch.tensor(a), torch.tensor(b)) - 1) / theirs)
    np.testing.assert_allclose(sigmas, sigmas[0], rtol=1e-9)
    assert sigmas[0] > 0


def test_equal_samples_are_at_no_distance():
    a = torch.randn(20, generator=torch.Generator().manual_seed(0)).double()
    assert kolmogorov_smirnov(a, a) == 0
    assert anderson_darling(a, a) == pytest.approx(0, abs=1e-12)
