"""A network that learns which units of a model's modules to keep: PruneNet, Sengupta et al., ICLR 2025."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# The penalty of keeping units (kept,) of the module with this number.
Penalty = Callable[[int, Tensor], float]


class Policy(nn.Module):
    """Scores the rows of a module's state matrix.  Eq. 3, without biases.

    W (rows, width) becomes W' = W W_inter^T (rows, rows), and the importance of a row is sigmoid of its product with
    W_proj, so that every row is scored by what it holds. (Eq. 3 as printed multiplies from the other side, which
    gives row j a score that W_j has no more part in than any other row.) A unit with several rows, a head, has the
    mean of their logits. One network serves all modules of a model; it fits one number of rows.
    """

    def __init__(self, rows: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = width**-0.5
        self.inter = nn.Parameter((2 * torch.rand(rows, width, generator=generator) - 1) * bound)
        self.proj = nn.Parameter(torch.rand(rows, generator=generator))

    def forward(self, state: Tensor) -> Tensor:
        """state: (units, channels, width); returns the logits (units,) of the importances."""
        # (W W_inter^T) W_proj = W (W_inter^T W_proj), which needs no matrix of rows x rows.
        return (state @ (self.inter.T @ self.proj)).mean(1)


def noisy_log_importance(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Log of eq. 4: the importances with logistic noise, through which gradients flow to the logits."""
    epsilon = torch.rand(len(logits), generator=generator).clamp(1e-6, 1 - 1e-6)
    return F.logsigmoid(torch.logit(epsilon) + logits)


def sample_order(log_weights: Tensor, generator: torch.Generator) -> Tensor:
    """The order (units,) in which a multinomial without replacement draws all units.

    By the exponential race: the units sorted by Exp(1) / weight are drawn exactly so.
    """
    exponential = -torch.log(torch.rand(len(log_weights), generator=generator, dtype=torch.float64).clamp(min=1e-300))
    return (log_weights.detach().double() - exponential.log()).argsort(descending=True, stable=True)


def log_probability(log_weights: Tensor, order: Tensor, kept: int) -> Tensor:
    """The log-probability of drawing the first `kept` of `order` in that order without replacement."""
    drawn = log_weights[order].double()
    remaining = drawn.flip(0).logcumsumexp(0).flip(0)
    return (drawn - remaining)[:kept].sum()


def discounted(penalties: Sequence[float], gamma: float) -> list[float]:
    """Eq. 7: for each module, its action's penalty and those of later modules, discounted by their distance.

    The penalty of the action of module l is what Eq. 7 numbers l + 1, as is usual for rewards.
    """
    returns: list[float] = []
    for penalty in reversed(penalties):
        returns.append(penalty + gamma * (returns[-1] if returns else 0.0))
    return returns[::-1]


def learn_policy(
    states: Sequence[Tensor],
    kept: Sequence[int],
    penalty: Penalty,
    generator: torch.Generator,
    *,
    episodes: int,
    learning_rate: float,
    gamma: float,
    deterministic: bool = False,
) -> tuple[Policy, list[float]]:
    """Learn a policy by REINFORCE: one episode goes through all modules, one step of AdamW follows it.

    Args:
        states: (units, channels, width) fp32 for each module.
        kept: how many units of each stay.
        deterministic: the most important units are kept instead of drawn ones.

    Returns:
        The policy whose episode had the lowest mean penalty (as it was in that episode), and those means.
    """
    units, channels, width = states[0].shape
    policy = Policy(units * channels, width, generator)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate)
    best = copy.deepcopy(policy)
    history: list[float] = []
    with torch.enable_grad():
        for _ in range(episodes):
            before = copy.deepcopy(policy)
            actions, penalties = [], []
            for index, (state, count) in enumerate(zip(states, kept, strict=True)):
                order, probability = _act(policy(state), count, generator, deterministic)
                actions.append(probability)
                penalties.append(penalty(index, order[:count].sort().values))
            mean = sum(penalties) / len(penalties)
            if not history or mean < min(history):
                best = before
            history.append(mean)
            returns = discounted(penalties, gamma)
            loss = torch.stack([g * action for g, action in zip(returns, actions, strict=True)]).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return best, history


def _act(logits: Tensor, count: int, generator: torch.Generator, deterministic: bool) -> tuple[Tensor, Tensor]:
    if deterministic:
        order, log_weights = most_important(logits), F.logsigmoid(logits)
    else:
        log_weights = noisy_log_importance(logits, generator)
        order = sample_order(log_weights, generator)
    return order, log_probability(log_weights, order, count)


def most_important(logits: Tensor) -> Tensor:
    """The units (units,) from the most to the least important, ties by number."""
    return logits.detach().argsort(descending=True, stable=True)
