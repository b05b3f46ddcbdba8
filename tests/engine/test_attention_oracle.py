"""Distances of heads against loops in double precision, of the probabilities that transformers gives itself."""

import copy
import math

import numpy as np
import pytest
import torch

from prunebench.engine.attention import HeadDistances, attention_distances, unit_distances
from prunebench.errors import PrunebenchError
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.units import unit_modules
from tests.tiny_models import random_ids, tiny_model


def kl(p, m):
    return math.fsum(a * math.log(a / b) for a, b in zip(p, m, strict=True) if a > 0)


def distances_by_hand(maps):
    """maps: (samples, heads, queries, keys); eq. 1, element by element."""
    samples, heads, queries, _ = maps.shape
    result = np.zeros((heads, heads))
    for i in range(heads):
        for j in range(heads):
            rows = []
            for n in range(samples):
                for q in range(queries):
                    p, r = maps[n, i, q], maps[n, j, q]
                    m = (p + r) / 2
                    rows.append(math.sqrt(max(kl(p, m) / 2 + kl(r, m) / 2, 0)))
            result[i, j] = math.fsum(rows) / len(rows)
    return result


def causal_maps(samples, heads, tokens, seed=0):
    logits = torch.randn(samples, heads, tokens, tokens, generator=torch.Generator().manual_seed(seed)) * 3
    return logits.masked_fill(torch.ones(tokens, tokens).triu(1).bool(), -torch.inf).softmax(-1)


def test_the_distance_is_the_mean_over_all_rows_of_the_root_of_the_divergence():
    maps = causal_maps(3, 4, 7)
    distances = HeadDistances(4)
    distances.update(maps[:2])
    distances.update(maps[2:])
    np.testing.assert_allclose(distances.mean, distances_by_hand(maps.double().numpy()), atol=2e-4)


def test_heads_that_never_meet_are_at_the_largest_distance_and_equal_ones_at_none():
    one, other = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    one[..., 0], other[..., range(4), range(4)] = 1, 1
    distances = HeadDistances(3)
    distances.update(torch.cat([one, other, one], 1))
    # The first query has only one token to attend to.
    assert distances.mean[0, 1] == pytest.approx(math.sqrt(math.log(2)) * 3 / 4, abs=1e-6)
    assert distances.mean[0, 2] == 0


def test_maps_that_see_the_future_or_are_no_probabilities_are_refused():
    maps = causal_maps(1, 2, 5)
    with pytest.raises(PrunebenchError, match="attends to tokens after it"):
        HeadDistances(2).update(maps.flip(-1))
    with pytest.raises(PrunebenchError, match="do not sum to 1"):
        HeadDistances(2).update(maps / 2)


def test_a_group_is_as_far_as_its_heads_are_from_the_nearest_of_the_other():
    heads = torch.rand(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    heads = heads + heads.T
    heads.fill_diagonal_(0)
    found = unit_distances(heads, 2)
    for a in range(3):
        for b in range(3):
            there = [min(heads[2 * a + i, 2 * b + j].item() for j in range(2)) for i in range(2)]
            back = [min(heads[2 * a + i, 2 * b + j].item() for i in range(2)) for j in range(2)]
            assert found[a, b].item() == pytest.approx((sum(there) / 2 + sum(back) / 2) / 2)
    assert torch.equal(unit_distances(heads, 1), heads)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_of_every_architecture_they_are_those_of_its_own_attention(model_type):
    model, ids = tiny_model(model_type), random_ids(2, 12)
    with torch.no_grad():
        for block in unit_modules(model):
            for linear, _ in block[0].rows.values():
                linear.weight.mul_(8)  # attention that is far from uniform
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    logits, implementation = model(ids).logits, model.config._attn_implementation
    found = attention_distances(model, ids, torch.device("cpu"), lambda done, total: None)
    assert model.config._attn_implementation == implementation
    assert torch.equal(model(ids).logits, logits)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    twin = copy.deepcopy(model)
    twin.set_attn_implementation("eager")
    output = twin(ids, output_attentions=True)
    torch.testing.assert_close(output.logits, logits, rtol=1e-3, atol=1e-4)
    for block, maps in zip(unit_modules(model), output.attentions, strict=True):
        heads = torch.from_numpy(distances_by_hand(maps.double().numpy()))
        wanted = unit_distances(heads, block[0].heads_per_unit)
        torch.testing.assert_close(found[block[0].name], wanted, rtol=1e-2, atol=1e-3)
        assert wanted.max() > 0.01
