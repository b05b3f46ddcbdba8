"""Pruner-Zero: a metric found by genetic programming. Dong et al., ICML 2024, arXiv 2406.02924."""

METHOD = {
    "title": "Pruner-Zero",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["gradients"],
    "group": "row",
    "cite": "dong2024prunerzero",
}


def score(weight, inputs):
    """| |W| * |W| | * minmax(||G||_2) over the matrix, G the gradients of each sample's loss.

    weight: (out, in); returns (out, in).
    """
    size = inputs.grad_l2
    low, high = size.min(), size.max()
    return weight.square() * (size - low) / (high - low).clamp_min(1e-30)
