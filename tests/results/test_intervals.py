import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from prunebench.results.intervals import _quantiles, mean_intervals, median_interval


def one(items, confidence=0.95):
    return mean_intervals([[np.asarray(items, dtype=float)]], confidence)[0]


@pytest.mark.parametrize("n", [10, 40])
def test_intervals_cover_the_true_mean_as_often_as_they_say(n):
    samples = np.random.default_rng(1).normal(3.0, 0.4, size=(4000, n))
    ends = np.array(mean_intervals([[row] for row in samples]))
    covered = ((ends[:, 0] <= 3.0) & (ends[:, 1] >= 3.0)).mean()
    assert 0.935 < covered < 0.97


def test_plain_percentiles_are_approached_with_many_items():
    items = np.random.default_rng(2).gamma(2.0, size=800)
    plain = stats.bootstrap((items,), np.mean, n_resamples=4000, method="percentile", rng=0).confidence_interval
    width = plain.high - plain.low
    low, high = one(items)
    assert low == pytest.approx(plain.low, abs=0.06 * width)
    assert high == pytest.approx(plain.high, abs=0.06 * width)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30), st.floats(-10, 10))
def test_the_interval_holds_the_mean_stays_in_the_data_and_moves_with_it(items, shift):
    items = np.array(items)
    if set(items) <= {0.0, 1.0} or set(items + shift) <= {0.0, 1.0}:
        return  # the binomial interval of the tests below
    low, high = one(items)
    slack = 1e-5 * (1 + np.abs(items).max())
    assert items.min() - slack <= low <= items.mean() + slack
    assert items.mean() - slack <= high <= items.max() + slack
    assert one(items + shift) == pytest.approx((low + shift, high + shift), abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 60), st.integers(2, 9), st.floats(0, 1))
def test_quantiles_are_numpys_to_the_last_bit(width, different, level):
    chance = np.random.default_rng(width)
    for rows in (chance.normal(size=(7, width)), chance.integers(different, size=(7, width)) / 7):
        assert (_quantiles(rows, level) == np.quantile(rows, level, axis=1)).all()


def test_more_confidence_is_a_wider_interval():
    items = np.random.default_rng(3).normal(size=20)
    narrow, wide = one(items, 0.8), one(items, 0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize("items", [[], [2.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_without_spread_to_resample_there_is_no_interval(items):
    assert np.isnan(one(items)).all()


def test_a_group_without_strata_has_no_interval():
    assert np.isnan(mean_intervals([[]])[0]).all()


@pytest.mark.parametrize("n", [3, 40])
def test_all_right_or_all_wrong_does_not_claim_certainty(n):
    exact = stats.binomtest(0, n).proportion_ci(0.95, method="exact")
    assert one(np.zeros(n)) == pytest.approx((exact.low, exact.high))
    assert one(np.ones(n)) == pytest.approx((1 - exact.high, 1.0))


def test_the_mean_over_tasks_weighs_tasks_not_questions():
    rng = np.random.default_rng(4)
    small, large = (rng.random(30) < 0.8).astype(float), (rng.random(3000) < 0.3).astype(float)
    low, high = mean_intervals([[small, large]])[0]
    centre = (small.mean() + large.mean()) / 2
    error = np.sqrt(small.var() / 30 + large.var() / 3000) / 2
    assert low == pytest.approx(centre - 2 * error, abs=0.4 * error)
    assert high == pytest.approx(centre + 2 * error, abs=0.4 * error)


def test_tasks_of_equal_size_are_resampled_independently():
    items = np.random.default_rng(5).normal(size=50)
    single, pair = one(items), mean_intervals([[items, items]])[0]
    assert (pair[1] - pair[0]) / (single[1] - single[0]) == pytest.approx(1 / np.sqrt(2), abs=0.07)


def test_the_same_items_get_the_same_interval_alone_or_among_others():
    rng = np.random.default_rng(6)
    groups = [[rng.normal(size=n)] for n in (10, 40, 10, 7)]
    together = mean_intervals(groups)
    assert together == mean_intervals(groups)
    for group, ends in zip(groups, together, strict=True):
        assert mean_intervals([group])[0] == pytest.approx(ends, rel=1e-5)


def test_thousands_of_items_need_little_memory():
    items = (np.random.default_rng(6).random(10_000) < 0.4).astype(float)
    tracemalloc.start()
    low, high = one(items)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # all resamples at once are 320 MB
    error = items.std() / np.sqrt(len(items))
    assert [low, high] == pytest.approx([items.mean() - 1.96 * error, items.mean() + 1.96 * error], abs=0.2 * error)


@pytest.mark.parametrize("n", [6, 7, 9, 12, 30])
def test_median_intervals_cover_the_true_median_at_least_as_often_as_they_say(n):
    samples = np.exp(np.random.default_rng(3).normal(size=(4000, n)))  # skewed: its mean is far from the median, 1
    ends = np.array([median_interval(row) for row in samples])
    covered = ((ends[:, 0] <= 1) & (ends[:, 1] >= 1)).mean()
    assert 0.94 < covered < 0.99


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=6, max_size=40))
def test_the_median_interval_holds_the_median_and_ends_at_items(items):
    low, high = median_interval(np.array(items))
    assert low <= np.median(items) <= high
    assert {low, high} <= set(items)


def test_one_disturbed_repetition_of_nine_does_not_move_the_median_interval_beyond_the_others():
    calm = np.linspace(1.0, 1.08, 9)
    disturbed = np.append(calm[:-1], 50.0)
    assert median_interval(disturbed) == median_interval(calm) == (calm[1], calm[7])


@pytest.mark.parametrize("items", [[], [1.0], [1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 8 + [np.inf]])
def test_too_few_items_and_infinite_ones_give_no_median_interval(items):
    assert median_interval(np.array(items)) is None
