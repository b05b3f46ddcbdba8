"""-Weights: the largest weights go first, the opposite of magnitude. Improved Methods for Model Pruning, table 2."""

METHOD = {
    "title": "-Weights",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "matrix",
    "cite": "anonymous2024improved",
}


def score(weight, inputs):
    """-|W|.  weight: (out, in); returns (out, in)."""
    return -weight.abs()
