"""Which heads go: Algorithm 1 as printed, the threshold that meets a ratio, and what is left to the MLPs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.engine.allocation.similarity import redundancy, remaining_counts, similar_heads
from prunebench.models.units import unit_modules
from tests.tiny_models import tiny_model


def algorithm_1(distances, tau):
    """Line by line; a pair enters `edges` when it is looked at."""
    gone, edges = [], set()
    for i, row in enumerate(distances):
        for j, distance in enumerate(row):
            if distance < tau and (i, j) not in edges and (j, i) not in edges and i != j:
                edges.add((i, j))
                if i not in gone and j not in gone:
                    gone.append(i)
    return sorted(gone)


def symmetric(heads, seed, levels):
    values = torch.randint(1, levels, (heads, heads), generator=torch.Generator().manual_seed(seed)).double()
    return (values.triu(1) + values.triu(1).T) / levels


@settings(max_examples=300, deadline=None)
@given(heads=st.integers(1, 9), seed=st.integers(0, 10_000), tau=st.floats(0, 1.2), levels=st.sampled_from([3, 50]))
def test_a_head_goes_exactly_if_a_later_one_is_nearer_than_tau(heads, seed, tau, levels):
    distances = symmetric(heads, seed, levels)
    assert (redundancy(distances) < tau).nonzero().flatten().tolist() == algorithm_1(distances.tolist(), tau)


def setting(seed=0, levels=1000):
    blocks = unit_modules(tiny_model("gpt2"))
    return blocks, {block[0].name: symmetric(4, seed + n, levels) for n, block in enumerate(blocks)}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0, 0.99), levels=st.sampled_from([3, 1000]))
def test_a_share_is_met_exactly_and_by_the_algorithm_with_the_tau_it_takes(seed, share, levels):
    blocks, distances = setting(seed, levels)
    gone, tau = similar_heads(blocks, distances, 0.0, share, None)
    assert sum(int(units.sum()) for units in gone.values()) == min(int(share * 12 + 0.5), 9)  # 1 of 4 stays in each
    for name, units in gone.items():
        # Heads at tau itself may be more than are wanted; all below it go, and none above.
        chosen = set(units.nonzero().flatten().tolist())
        below, up_to = (set(algorithm_1(distances[name].tolist(), tau + step)) for step in (0, 1e-12))
        assert below <= chosen <= up_to


def test_a_given_tau_decides_how_many_heads_of_each_layer_go():
    blocks, distances = setting()
    gone, tau = similar_heads(blocks, distances, 0.0, None, 0.3)
    assert tau == 0.3
    for name, units in gone.items():
        assert units.nonzero().flatten().tolist() == algorithm_1(distances[name].tolist(), 0.3)
    assert len({int(units.sum()) for units in gone.values()}) > 1


def test_the_mlps_make_up_for_what_the_heads_do_not_give():
    blocks, distances = setting()
    modules = [module for block in blocks for module in block]
    budget = 0.3 * sum(module.units * module.unit_weights for module in modules)
    gone, _ = similar_heads(blocks, distances, budget, None, 0.3)
    counts = remaining_counts(blocks, gone, budget)
    spent = sum(counts[module.name] * module.unit_weights for module in modules)
    assert spent == pytest.approx(budget, abs=3 * blocks[0][1].unit_weights / 2)
    assert len({counts[block[1].name] for block in blocks}) == 1
