"""Elastic Weight Consolidation Pruning: weights cheapest to move to zero (Kirkpatrick et al., PNAS 2017)."""

METHOD = {
    "title": "AIGC 09: elastic weight consolidation",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {
        "status": "Error",
        "cause": "fails as 08 does; the Fisher information is kept by a name that every block has",
    },
    "patterns": ["unstructured", "n:m"],
    "needs": ["gradients"],
    "group": "matrix",
    "cite": "kirkpatrick2017overcoming",
}


def score(weight, inputs):
    """The root of F W^2, F the diagonal of the empirical Fisher information.  weight: (out, in); returns (out, in).

    The penalty (eq. 3) for moving a weight from W to 0; its root keeps the order and does not underflow.
    """
    return weight.abs() * inputs.grad_l2
