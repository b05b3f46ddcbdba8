"""Gradient based Pruning: the weights to which the loss is least sensitive go."""

METHOD = {
    "title": "AIGC 08: gradient based",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {
        "status": "Error",
        "cause": "its one label does not fit the outputs; torch.quantile refuses over 16 million elements",
    },
    "patterns": ["unstructured", "n:m"],
    "needs": ["gradients"],
    "group": "matrix",
    "cite": "anonymous2024improved",
}


def score(weight, inputs):
    """Norm over samples of dL/dW, L the dense model's loss.  weight: (out, in); returns (out, in)."""
    return inputs.grad_l2
