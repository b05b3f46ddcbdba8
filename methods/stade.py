"""STADE: the inputs' standard deviation as metric, their mean kept in a bias. Mecke et al., 2025, arXiv 2503.22451."""

from prunebench.sparsity.compensate import prune_into_bias
from prunebench.sparsity.select import prune_lowest

METHOD = {
    "title": "STADE",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_sq_norm", "input_mean", "input_var"],
    "group": "row",
    "cite": "mecke2025stade",
}


def prune_layer(layer, inputs, target):
    """Wanda's metric after a norm (eq. 10), the STD metric (eq. 11) and its bias (eq. 7) elsewhere.

    layer.weight: (out, in); inputs.mean, inputs.var: (in,); returns weight (out, in) and bias (out,).
    """
    W = layer.weight.float()
    if inputs.after_norm:
        pruned = prune_lowest(W.abs() * inputs.l2_norm, target, "row")
        return W.masked_fill(pruned, 0), layer.bias
    return prune_into_bias(W, layer.bias, inputs.mean, inputs.var, target)
