"""Magnitude pruning, the smallest weights of each matrix. Han et al., NeurIPS 2015, arXiv 1506.02626."""

METHOD = {
    "title": "Magnitude",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "matrix",
    "cite": "han2015learning",
}


def score(weight, inputs):
    """|W|.  weight: (out, in); returns (out, in)."""
    return weight.abs()
