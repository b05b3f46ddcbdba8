"""Dynamic Pruning with Reinforcement Learning: each layer learns its own saliency by REINFORCE (Williams, 1992)."""

import torch

from prunebench.sparsity.select import prune_lowest

_TINY = 1e-20

METHOD = {
    "title": "AIGC 10: dynamic pruning with reinforcement learning",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {
        "status": "Error",
        "cause": "reads a command line argument that does not exist; the masks it draws keep half of all weights",
    },
    "patterns": ["unstructured", "n:m"],
    "needs": ["gram"],
    "group": "matrix",
    "cite": "williams1992simple",
    "params": {"episodes": 16, "spread": 0.2, "rate": 0.02, "rows": 128},
}


def prune_layer(layer, inputs, target, generator, episodes, spread, rate, rows):
    """The weight (out, in) under the best mask that was tried.  layer.weight: (out, in); inputs.gram: (in, in).

    An action is three exponents: saliency = |W|^a ||X||^b / mean|W_row|^c, which begins as Wanda's compared
    within the layer; c moves weights between rows. The policy is a Gaussian around its mean. The reward is
    minus the logarithm of the output's squared error, on at most `rows` rows.
    """
    size = layer.weight.float().abs()
    logs = (
        size.clamp(min=_TINY).log(),
        inputs.gram.diagonal().clamp(min=_TINY).sqrt().log(),
        -size.mean(1, keepdim=True).clamp(min=_TINY).log(),
    )
    judged = torch.linspace(0, len(size) - 1, min(rows, len(size))).long()

    def act(action):
        pruned = prune_lowest(
            sum(a * log for a, log in zip(action.tolist(), logs, strict=True)), target, METHOD["group"]
        )
        lost = layer.weight[judged].float().masked_fill(~pruned[judged], 0)
        return pruned, -((lost @ inputs.gram) * lost).sum().clamp(min=_TINY).log().item()

    mean = torch.tensor([1.0, 1.0, 0.0])
    best, best_reward = act(mean)
    baseline = best_reward
    for _ in range(episodes):
        noise = torch.randn(3, generator=generator)
        pruned, reward = act((mean + spread * noise).clamp(min=0))
        mean += rate * (reward - baseline) * noise / spread  # grad of log N(action; mean, spread) is noise / spread
        baseline = 0.8 * baseline + 0.2 * reward
        if reward > best_reward:
            best, best_reward = pruned, reward
    return layer.weight.masked_fill(best, 0)
