from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from prunebench.results.ranking import rank_methods, separate


def brute_force(matrix, alpha):
    """Step-down max-T over every sign pattern, written with loops."""
    items, methods = matrix.shape
    pairs = list(combinations(range(methods), 2))

    def statistic(pair, signs):
        difference = signs * (matrix[:, pair[0]] - matrix[:, pair[1]])
        norm = np.sqrt((difference**2).sum())
        return abs(difference.sum()) / norm if norm else 0.0

    patterns = [np.array(signs) for signs in product([1, -1], repeat=items)]
    observed = {pair: statistic(pair, np.ones(items)) for pair in pairs}
    remaining = sorted(pairs, key=lambda pair: -observed[pair])
    separated = set()
    while remaining:
        at_least = sum(
            max(statistic(pair, signs) for pair in remaining) >= observed[remaining[0]] - 1e-9 for signs in patterns
        )
        if at_least / len(patterns) > alpha or observed[remaining[0]] == 0:
            break
        separated.add(remaining.pop(0))
    return separated


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 8), st.integers(2, 4))
def test_separation_is_step_down_max_t_over_all_sign_patterns(seed, items, methods):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(items, 1)) + rng.normal(0, 0.3, size=(items, methods)) + rng.normal(0, 0.4, size=methods)
    found = separate(matrix, 0.1)
    expected = brute_force(matrix, 0.1)
    assert {pair for pair in combinations(range(methods), 2) if found[pair]} == expected
    assert (found == found.T).all()


def test_two_methods_on_right_wrong_scores_are_mcnemars_exact_test():
    for only_first, only_second, both in [(5, 0, 5), (6, 0, 4), (8, 1, 2), (7, 2, 2), (9, 1, 0)]:
        a = np.array([1.0] * only_first + [0.0] * only_second + [1.0] * both)
        b = np.array([0.0] * only_first + [1.0] * only_second + [1.0] * both)
        p = stats.binomtest(only_first, only_first + only_second).pvalue
        assert separate(np.stack([a, b], axis=1))[0, 1] == (p <= 0.05), (only_first, only_second, p)


@pytest.mark.parametrize(("items", "methods"), [(10, 20), (60, 20)])
def test_clear_differences_are_found_even_among_190_pairs(items, methods):
    rng = np.random.default_rng(0)
    windows = rng.normal(3, 0.5, size=items)
    levels = np.arange(methods) * 0.5
    losses = {f"m{i}": windows + levels[i] + rng.normal(0, 0.05, size=items) for i in range(methods)}
    assert [rank_methods(losses)[f"m{i}"].rank for i in range(methods)] == list(range(1, methods + 1))


def test_equally_good_methods_are_rarely_separated():
    rng = np.random.default_rng(7)
    runs = 300
    mistakes = 0
    for _ in range(runs):
        windows = rng.normal(3, 0.5, size=(12, 1))
        mistakes += separate(windows + rng.standard_t(3, size=(12, 6)) * 0.1).any()
    assert mistakes / runs < 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 14), st.integers(1, 7))
def test_ranks_are_shared_by_whatever_is_not_separated(seed, items, methods):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(items, 1)) + rng.normal(0, 0.3, size=(items, methods)) + rng.normal(0, 0.3, size=methods)
    ranks = rank_methods({f"m{i}": matrix[:, i] for i in range(methods)})
    found = separate(matrix[:, np.argsort(matrix.mean(axis=0))])
    order = sorted(range(methods), key=lambda i: matrix[:, i].mean())
    for (place, a), (other, b) in combinations(enumerate(order), 2):
        first, second = ranks[f"m{a}"], ranks[f"m{b}"]
        assert first.rank <= second.rank
        if not found[place, other]:
            assert first.rank == second.rank
    for place, i in enumerate(order):
        rank = ranks[f"m{i}"]
        assert 1 <= rank.rank <= rank.best <= place + 1 <= rank.worst <= methods


def test_a_chain_shares_one_rank_but_shows_what_is_known():
    """A~B and B~C but A<C: the three share a rank, and `best`/`worst` tell A from C."""
    rng = np.random.default_rng(3)
    base = rng.normal(3, 0.2, size=9)
    noise = rng.normal(0, 0.25, size=9)
    noise -= noise.mean()
    losses = {"a": base, "b": base + 0.1 + noise, "c": base + 0.2 + rng.normal(0, 0.01, size=9)}
    ranks = rank_methods(losses)
    assert {rank.rank for rank in ranks.values()} == {1}
    assert (ranks["a"].best, ranks["a"].worst) == (1, 2)
    assert (ranks["b"].best, ranks["b"].worst) == (1, 3)
    assert (ranks["c"].best, ranks["c"].worst) == (2, 3)


def test_identical_losses_tie_and_five_windows_separate_nothing():
    losses = np.linspace(2, 3, 20)
    assert {rank.rank for rank in rank_methods({"a": losses, "b": losses}).values()} == {1}
    assert not separate(np.stack([losses[:5], losses[:5] + 1], axis=1)).any()  # p is at least 1/16
    assert separate(np.stack([losses[:6], losses[:6] + 1], axis=1)).any()


@pytest.mark.parametrize("items", [0, 1])
def test_without_items_nothing_is_separated(items):
    ranks = rank_methods({"a": np.zeros(items), "b": np.ones(items)})
    assert {rank.rank for rank in ranks.values()} == {1}


def test_ranks_do_not_depend_on_the_order_of_the_methods():
    rng = np.random.default_rng(5)
    losses = {name: rng.normal(level, 0.1, size=30) for name, level in zip("abcd", (1, 1, 1.05, 2), strict=True)}
    assert rank_methods(losses) == rank_methods(dict(reversed(losses.items())))


def test_losses_that_cannot_be_paired_are_refused():
    with pytest.raises(ValueError, match="different numbers"):
        rank_methods({"a": np.zeros(3), "b": np.zeros(4)})
    with pytest.raises(ValueError, match="not finite"):
        rank_methods({"a": np.zeros(3), "b": np.array([0, np.inf, 0])})
    assert rank_methods({}) == {}
