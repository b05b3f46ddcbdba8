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
from prunebench.engine.spectra import kolmogorov_smirnov, singular_values


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


def test_the_gradient_is_that_of_the_expected_cost():
    """The expectation over the orders by enumeration, over the noise with the same noise at every point."""
    cost = {(0, 1): -3.0, (0, 2): 1.0, (0, 3): 2.0, (1, 2): -2.0, (1, 3): 0.5, (2, 3): 2.5}
    logits = torch.tensor([0.5, -1.0, 0.2, 1.5])
    noise = torch.logit(torch.rand(100_000, 4, generator=_generator(1), dtype=torch.float64))

    def expected(logits):
        w = torch.sigmoid(noise + logits)
        rest = w.sum(1)
        return sum(
            price * (w[:, i] * w[:, j] / rest * (1 / (rest - w[:, i]) + 1 / (rest - w[:, j]))).mean()
            for (i, j), price in cost.items()
        )

    wanted = torch.stack([(expected(logits + step) - expected(logits - step)) / 0.2 for step in 0.1 * torch.eye(4)])
    logits.requires_grad_(True)
    generator, draws = _generator(), 8000
    for _ in range(draws):
        log_weights = noisy_log_importance(logits, generator)
        order = sample_order(log_weights, generator)
        price = cost[tuple(order[:2].sort().values.tolist())]
        (price * log_probability(log_weights, order, 2) / draws).backward()
    torch.testing.assert_close(logits.grad.double(), wanted, atol=0.04, rtol=0)
    assert wanted.abs().max() > 0.3


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


@pytest.mark.parametrize("seed", [2, 5, 7])
def test_it_finds_the_rows_that_hold_the_spectrum(seed):
    """Half of the rows are next to nothing and can go; these seeds begin with the wish to keep exactly those."""
    much = (torch.randn(2, 32, 1, 16, generator=_generator(5)) + 4) * torch.logspace(0, 1, 16)
    states = list(torch.cat([much, much / 50], 1) / much.std())
    spectra = [singular_values(state[:, 0]) for state in states]

    def distance(index, kept):
        return kolmogorov_smirnov(spectra[index], singular_values(states[index][kept][:, 0]))

    def learn(episodes):
        policy, history = learn_policy(
            states, [32, 32], distance, _generator(seed), episodes=episodes, learning_rate=0.001, gamma=0.9
        )
        kept = [most_important(policy(state))[:32] for state in states]
        return max(distance(index, rows) for index, rows in enumerate(kept)), history

    random_half = torch.randperm(64, generator=_generator(1))[:32]
    unlearned, _ = learn(1)
    learned, history = learn(150)
    assert learned < 0.15 < distance(0, random_half) < 0.5 < unlearned
    assert sum(history[-20:]) / 20 < 0.8 * sum(history[:10]) / 10
