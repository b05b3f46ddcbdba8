"""Wanda: weight magnitude times input norm, compared within an output. Sun et al., ICLR 2024, arXiv 2306.11695."""

METHOD = {
    "title": "Wanda",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_sq_norm"],
    "group": "row",
    "cite": "sun2024wanda",
}


def score(weight, inputs):
    """|W_ij| * ||X_j||, eq. 1.  weight: (out, in); inputs.l2_norm: (in,); returns (out, in)."""
    return weight.abs() * inputs.l2_norm
