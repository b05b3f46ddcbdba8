"""Magnitude of whole units, L1 or L2: the baselines of LLM-Pruner. Ma et al., NeurIPS 2023, arXiv 2305.11627."""

METHOD = {
    "title": "Magnitude units",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "ma2023llmpruner",
    "params": {"p": 2},
}


def score_units(module, inputs, p):
    """The sum of |w|^p over all that goes with a unit: q, k, v and o, or gate, up and down.  Returns (units,)."""
    return sum(tensor.weight.abs().pow(p).sum((1, 2)) for tensor in module.tensors)
