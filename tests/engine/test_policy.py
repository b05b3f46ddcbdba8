"""The policy: probabilities by enumeration, returns by hand, and that it learns."""

import itertools
from collections import Counter

import pytest
import torch

from prunebench.engine.policy import (
    Policy,
    discounted,
    learn_policy,
    log_probability,
    most_important,
    noisy_log_importance,
    sample_order,
)


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_returns_by_hand():
    assert discounted([1.0, 2.0, 4.0], 0.5) == [1 + 0.5 * (2 + 0.5 * 4), 2 + 0.5 * 4, 4]
    assert discounted([], 0.9) == []


def test_scores_are_those_of_the_two_matrices():
    policy, state = Policy(6, 4, _generator()), torch.randn(6, 1, 4, generator=_generator(1))
    expected = (state[:, 0] @ policy.inter.T) @ policy.proj
    torch.testing.assert_close(policy(state), expected)
    heads = state.view(3, 2, 4)
    torch.testing.assert_close(policy(heads), expected.view(3, 2).mean(1))


def test_noise_makes_a_concrete_relaxation_of_a_bernoulli():
    # Above one half as often as the importance says (the paper's appendix C.3).
    logits = torch.logit(torch.tensor([0.1, 0.5, 0.8])).repeat(20000)
    above = noisy_log_importance(logits, _generator()).exp().gt(0.5).view(-1, 3).double().mean(0)
    torch.testing.assert_close(above, torch.tensor([0.1, 0.5, 0.8]).double(), atol=0.015, rtol=0)


def test_probabilities_of_all_orders_add_up_to_one_and_are_those_drawn():
    weights = torch.tensor([0.1, 0.4, 0.2, 0.9]).log()
    probability = {}
    for pair in itertools.permutations(range(4), 2):
        order = torch.tensor([*pair, *(i for i in range(4) if i not in pair)])
        probability[pair] = float(log_probability(weights, order, 2).exp())
    assert sum(probability.values()) == pytest.approx(1)
    assert probability[3, 1] == pytest.approx(0.9 / 1.6 * 0.4 / 0.7)
    generator, draws = _generator(), 20000
    drawn = Counter(tuple(sample_order(weights, generator)[:2].tolist()) for _ in range(draws))
    for pair, expected in probability.items():
        assert drawn[pair] / draws == pytest.approx(expected, abs=0.012)


# The first half of the rows point one way, the others the other way; keeping any of the first half costs.
STATES = [torch.cat([torch.ones(8, 1, 3), -torch.ones(8, 1, 3)]) * scale for scale in (1.0, 0.8)]


def _cost(index, kept):
    return float((kept < 8).double().mean())


def _learn(seed=0, deterministic=False, episodes=150):
    return learn_policy(
        STATES, [8, 8], _cost, _generator(seed), episodes=episodes, learning_rate=0.02, gamma=0.9,
        deterministic=deterministic,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_it_learns(seed):
    policy, history = _learn(seed)
    assert sum(history[-20:]) / 20 < sum(history[:20]) / 20 - 0.2
    assert most_important(policy(STATES[0]))[:8].min() >= 8


def test_the_best_episode_is_kept_as_it_was():
    policy, history = _learn(episodes=30)
    at = history.index(min(history))
    assert 0 < at < 29
    # The parameters before the steps that came after it: those that learning up to it ends with.
    generator = _generator()
    short, again = learn_policy(
        STATES, [8, 8], _cost, generator, episodes=at + 1, learning_rate=0.02, gamma=0.9
    )  # fmt: skip
    assert again == history[: at + 1]
    assert torch.equal(short.inter, policy.inter)
    assert torch.equal(short.proj, policy.proj)
    last, _ = learn_policy(STATES, [8, 8], lambda i, k: 1.0, _generator(), episodes=1, learning_rate=0.02, gamma=0.9)
    assert not torch.equal(last.inter, policy.inter)


def test_the_same_seed_learns_the_same():
    (first, history), (second, again) = _learn(episodes=5), _learn(episodes=5)
    assert history == again
    assert torch.equal(first.inter, second.inter)


def test_a_deterministic_policy_draws_nothing_after_its_initial_weights():
    generator = _generator()
    learn_policy(
        STATES, [8, 8], _cost, generator, episodes=5, learning_rate=0.02, gamma=0.9, deterministic=True
    )  # fmt: skip
    fresh = _generator()
    Policy(16, 3, fresh)
    assert torch.equal(generator.get_state(), fresh.get_state())
