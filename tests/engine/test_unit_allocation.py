"""Budgets in units: the weights asked for are taken to within one channel, and every module keeps a unit."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.engine.allocation.units import check_budget, global_choice, standardised, uniform_counts
from prunebench.errors import NotApplicable


def module(index, kind, units, cost):
    return SimpleNamespace(name=f"{index}.{kind}", kind=kind, units=units, unit_weights=cost)


def blocks_of(depth, heads, head_cost, channels, channel_cost):
    return [[module(i, "attention", heads, head_cost), module(i, "mlp", channels, channel_cost)] for i in range(depth)]


def total(blocks):
    return sum(m.units * m.unit_weights for block in blocks for m in block)


def taken(blocks, counts):
    return sum(counts[m.name] * m.unit_weights for block in blocks for m in block)


SIZES = st.tuples(
    st.integers(1, 5), st.integers(2, 12), st.integers(20, 400), st.integers(100, 300), st.integers(1, 12)
)


@settings(max_examples=150, deadline=None)
@given(sizes=SIZES, share=st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5]), seed=st.integers(0, 99))
def test_both_allocations_meet_the_budget_to_one_channel_of_each_block(sizes, share, seed):
    blocks = blocks_of(*sizes)
    depth, heads, head_cost, channels, channel_cost = sizes
    budget = share * total(blocks)
    if head_cost * heads > channel_cost * channels:  # heads so coarse that channels cannot make up for their rounding
        return
    counts = uniform_counts(blocks, budget, None)
    assert abs(taken(blocks, counts) - budget) <= depth * channel_cost / 2 + 1e-6
    assert counts["0.attention"] == min(math.floor(round(heads * share, 6)), heads - 1)
    generator = torch.Generator().manual_seed(seed)
    scores = {m.name: torch.randn(m.units, generator=generator) for block in blocks for m in block}
    gone = global_choice(blocks, scores, budget, None)
    removed = taken(blocks, {name: int(units.sum()) for name, units in gone.items()})
    assert budget - channel_cost <= removed <= budget + 1e-6
    assert all(not units.all() for units in gone.values())


def test_the_global_choice_is_the_lowest_scores_one_by_one():
    blocks = blocks_of(2, 3, 50, 20, 5)
    generator = torch.Generator().manual_seed(3)
    scores = {m.name: torch.randn(m.units, generator=generator) for block in blocks for m in block}
    budget = 0.3 * total(blocks)
    wanted = {m.name: set() for block in blocks for m in block}
    cost = {m.name: m.unit_weights for block in blocks for m in block}
    spent = 0
    for _, name, unit in sorted((float(s), name, u) for name, each in scores.items() for u, s in enumerate(each)):
        last = len(wanted[name]) == len(scores[name]) - 1
        if not last and spent + cost[name] <= budget:
            wanted[name].add(unit)
            spent += cost[name]
    gone = global_choice(blocks, scores, budget, None)
    assert {name: set(units.nonzero()[:, 0].tolist()) for name, units in gone.items()} == wanted


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_a_share_of_the_heads_leaves_the_rest_of_the_budget_to_the_mlps(share):
    blocks = blocks_of(4, 8, 60, 200, 6)
    budget = 0.2 * total(blocks)
    counts = uniform_counts(blocks, budget, share)
    assert {counts[f"{i}.attention"] for i in range(4)} == {int(8 * share)}
    assert abs(taken(blocks, counts) - budget) <= 4 * 6
    scores = {m.name: torch.linspace(-1, 1, m.units) for block in blocks for m in block}
    gone = global_choice(blocks, scores, budget, share)
    assert sum(int(gone[f"{i}.attention"].sum()) for i in range(4)) == int(32 * share)
    assert abs(taken(blocks, {name: int(units.sum()) for name, units in gone.items()}) - budget) <= 6


def test_standardised_parts_are_those_of_the_published_formula():
    """FLAP: z-scores of a layer's channels, then the mean over each head's."""
    parts = torch.rand(4, 16, generator=torch.Generator().manual_seed(0))
    flat = parts.flatten().tolist()
    mean = sum(flat) / len(flat)
    std = (sum((x - mean) ** 2 for x in flat) / (len(flat) - 1)) ** 0.5
    for unit, z in enumerate(standardised(parts)):
        assert z.item() == pytest.approx(sum((x - mean) / std for x in parts[unit].tolist()) / 16, abs=1e-6)
    assert torch.equal(standardised(torch.ones(5)), torch.zeros(5, dtype=torch.float64))


def test_what_cannot_be_taken_is_not_applicable():
    blocks = [[module(0, "mlp", 10, 5)]]
    with pytest.raises(NotApplicable, match="s90 asks for 90 weights fewer, whole units make it 45"):
        check_budget(blocks, taken(blocks, uniform_counts(blocks, 90, None)), 90, "s90")
