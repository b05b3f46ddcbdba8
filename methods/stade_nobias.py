"""STADE without bias: the variance metric with the mean put back. Mecke et al., 2025, arXiv 2503.22451."""

METHOD = {
    "title": "STADE (w/o bias)",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_sq_norm", "input_mean", "input_var"],
    "group": "row",
    "cite": "mecke2025stade",
}


def score(weight, inputs):
    """W^2 (Var + mean^2) where inputs are not centred (eq. 9), Wanda's metric after a norm.

    With the variance over n, Var + mean^2 would be the mean of X^2 and this Wanda's metric squared up to a constant.
    Ours is unbiased, over n - 1: exactly, Var + mean^2 = n/(n-1) mean(X^2) - mean^2/(n-1). For the thousands
    of tokens calibrated on the last term is next to nothing, and masks agree with Wanda's up to that and rounding.
    weight: (out, in); inputs.mean, inputs.var: (in,); returns (out, in).
    """
    if inputs.after_norm:
        return weight.abs() * inputs.l2_norm
    return weight.square() * (inputs.var + inputs.mean.square())
