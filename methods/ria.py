"""RIA: relative importance within row and column, times activations. Zhang et al., ICLR 2024."""

METHOD = {
    "title": "RIA",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_sq_norm"],
    "group": "matrix",
    "cite": "zhang2024ria",
    "params": {"power": 0.5},
}


def score(weight, inputs, power):
    """(|W_ij| / sum_i |W_ij| + |W_ij| / sum_j |W_ij|) * ||X_j||^a.  weight: (out, in); returns (out, in)."""
    size = weight.abs()
    relative = size / size.sum(0, keepdim=True) + size / size.sum(1, keepdim=True)
    return relative.nan_to_num(0) * inputs.l2_norm**power
