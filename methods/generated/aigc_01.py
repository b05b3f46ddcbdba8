"""Gradient Sensitive Pruning: what the loss would change to first order if a weight were zero."""

METHOD = {
    "title": "AIGC 01: gradient sensitive",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {
        "status": "Error",
        "cause": "its loss is the sum of the weights; a tensor that requires grad is changed in place",
    },
    "patterns": ["unstructured", "n:m"],
    "needs": ["gradients"],
    "group": "matrix",
    "cite": "anonymous2024improved",
}


def score(weight, inputs):
    """|W| * sum over samples of |dL/dW|, L the dense model's loss.  weight: (out, in); returns (out, in)."""
    return weight.abs() * inputs.grad_l1
