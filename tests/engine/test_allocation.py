"""OWL and AlphaPruning: what each block is given, against the papers' formulas in loops, and with which mean."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.engine.allocation import alphapruning, owl
from prunebench.engine.allocation.fit import fit_counts, fit_sparsities
from prunebench.models.linear import block_linears
from tests.oracles import TINY, decoder_blocks, linears_in, random_weight, wanda_norm, weight_of

CPU = torch.device("cpu")
WISHES = st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=12)


@given(WISHES, st.integers(0, 99), st.data())
@settings(max_examples=200, deadline=None)
def test_fitted_sparsities_are_possible_and_have_the_mean(wished, percent, data):
    sizes = data.draw(st.lists(st.integers(1, 1000), min_size=len(wished), max_size=len(wished)))
    fitted = fit_sparsities(wished, sizes, percent / 100)
    assert all(0 <= s <= 0.999 for s in fitted)
    assert math.fsum(s * n for s, n in zip(fitted, sizes, strict=True)) / sum(sizes) == pytest.approx(
        percent / 100, abs=1e-9
    )
    order = sorted(range(len(wished)), key=lambda i: wished[i])
    assert [fitted[i] for i in order] == sorted(fitted)


def test_possible_wishes_with_the_right_mean_are_granted():
    assert fit_sparsities([0.4, 0.5, 0.6], [10, 10, 10], 0.5) == [0.4, 0.5, 0.6]


@given(WISHES, st.integers(2, 16), st.data())
@settings(max_examples=200, deadline=None)
def test_counts_are_whole_possible_and_have_the_mean(wished, m, data):
    n = data.draw(st.integers(1, m - 1))
    counts = fit_counts([wish * m for wish in wished], n, m)
    assert sum(counts) == n * len(counts)
    assert all(0 <= count < m for count in counts)


def test_counts_follow_the_wishes():
    assert fit_counts([3.3, 4.0, 4.7], 4, 8) == [3, 4, 5]


def keep(seen):
    def hook(_, args):
        seen.append(args[0].reshape(-1, args[0].shape[-1]).numpy().copy())

    return hook


@pytest.mark.parametrize("family", sorted(TINY))
def test_owl_counts_outliers_in_one_dense_pass(family):
    model = TINY[family]()
    for index, (_, block) in enumerate(decoder_blocks(model)):
        for layer in linears_in("", block).values():
            layer.weight.data[:3, : 2 + index] *= 12
    calibration = torch.randint(0, 64, (4, 24), generator=torch.Generator().manual_seed(1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    blocks = [[view for group in block for view in group] for block in block_linears(model)]
    given_ = owl.spread(owl.outlier_ratios(model, blocks, calibration, CPU), 0.6)

    ratios = []
    for name, block in decoder_blocks(model):
        linears = linears_in(name, block)
        seen = {layer: [] for layer in linears}
        hooks = [linears[layer].register_forward_pre_hook(keep(seen[layer])) for layer in linears]
        with torch.no_grad():
            for ids in calibration:
                model(ids[None], use_cache=False)
        for hook in hooks:
            hook.remove()
        scores = [np.abs(weight_of(linears[layer])) * wanda_norm(seen[layer]) for layer in linears]
        every = np.concatenate([score.ravel() for score in scores])
        ratios.append(sum(value > 5 * every.mean() for value in every) / len(every))
    scaled = [(r - min(ratios)) / (max(ratios) - min(ratios)) * 2 * 0.08 for r in ratios]
    expected = [1 - (d - sum(scaled) / len(scaled) + 1 - 0.6) for d in scaled]
    np.testing.assert_allclose(given_, expected, atol=5e-3)
    assert max(given_) - min(given_) == pytest.approx(0.16)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_block_with_the_most_outliers_is_pruned_least():
    assert owl.spread([0.01, 0.03, 0.02], 0.5) == pytest.approx([0.58, 0.42, 0.5])
    assert owl.spread([0.02, 0.02], 0.5) == [0.5, 0.5]


def published_peak(spectrum):
    """The released estimator in loops, with a lower bound that means what its name says."""
    logs = [math.log(value) for value in spectrum]
    counts, edges = np.histogram(logs, 100)
    peak = math.exp(edges[int(np.argmax(counts))])
    best = (math.inf, math.nan)
    for i, begin in enumerate(spectrum[:-1]):
        if 0.95 * peak <= begin <= 1.5 * peak:
            tail = spectrum[i:]
            exponent = 1 + len(tail) / sum(math.log(value / begin) for value in tail)
            distance = max(abs(1 - j / len(tail) - (v / begin) ** (1 - exponent)) for j, v in enumerate(tail))
            best = min(best, (distance, exponent))
    return best[1]


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (90, 200), (150, 150)])
def test_the_tail_begins_where_a_power_law_fits_best_near_the_peak(shape):
    weight = random_weight(*shape, seed=1)
    spectrum = sorted(np.linalg.eigvalsh(weight.astype(np.float64) @ weight.T.astype(np.float64)))[-min(shape) :]
    found = alphapruning.tail_exponent(torch.from_numpy(weight))
    assert found == pytest.approx(published_peak(spectrum), rel=1e-3)


def test_the_exponent_of_a_power_law_is_found():
    rng = np.random.default_rng(0)
    spectrum = (1 - rng.random(1500)) ** (-1 / 1.5)  # density ~ x^-2.5
    assert alphapruning.tail_exponent(torch.diag(torch.from_numpy(spectrum**0.5))) == pytest.approx(2.5, rel=0.15)


def test_heavier_tails_are_pruned_less_and_the_mean_over_weights_holds():
    given_ = alphapruning.spread([2.0, 4.0, 3.0], [10, 20, 30], 0.5)
    assert given_[0] < given_[2] < given_[1]
    assert given_[1] / given_[0] == pytest.approx(1.3 / 0.7)
    assert (10 * given_[0] + 20 * given_[1] + 30 * given_[2]) / 60 == pytest.approx(0.5)


def test_a_weight_of_zeros_has_a_finite_exponent():
    assert math.isfinite(alphapruning.tail_exponent(torch.zeros(4, 6)))
    assert math.isfinite(alphapruning.tail_exponent(torch.eye(6)))
