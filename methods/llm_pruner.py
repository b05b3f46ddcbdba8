"""LLM-Pruner: Taylor expansion of the loss in all weights of a unit. Ma et al., NeurIPS 2023, arXiv 2305.11627."""

METHOD = {
    "title": "LLM-Pruner",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": ["gradients"],
    "cite": "ma2023llmpruner",
    "params": {"criterion": "element1"},
    "choices": {"criterion": ["vector", "element1", "element2", "mixed"]},
    "units": {"blocks": "0.125-0.9375"},  # blocks 4 to 29 of 32
}
# What one weight w counts, by its gradient g and mean squared gradient h; `vector` cancels signs within a channel.
CRITERIA = {
    "vector": lambda w, g, h: (w * g()).sum(2).abs(),
    "element1": lambda w, g, h: (w * g()).abs().sum(2),
    "element2": lambda w, g, h: (w * h() * w).abs().sum(2),
    "mixed": lambda w, g, h: (w * g() - 0.5 * w * h() * w).abs().sum(2),
}


def score_units(module, inputs, criterion):
    """Eq. 3 to 5, summed over the coupled q, k, v, o or gate, up, down.  Returns (units,).

    Heads are scored by key-value head with its queries. Weights are as they were in the dense model, and the
    gradients are means over the calibration samples. h is so much smaller than g that `mixed` selects on SmolLM2-135M
    what `element1` does.
    """
    count = CRITERIA[criterion]
    return sum(count(t.weight, lambda t=t: t.grad, lambda t=t: t.grad_sq).sum(1) for t in module.tensors)
