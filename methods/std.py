"""STD: STADE's metric and bias on every layer, centred or not. Mecke et al., 2025, arXiv 2503.22451."""

from prunebench.sparsity.compensate import prune_into_bias

METHOD = {
    "title": "STD",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_mean", "input_var"],
    "group": "row",
    "cite": "mecke2025stade",
}


def prune_layer(layer, inputs, target):
    """W^2 Var(x) (eq. 11) with its bias (eq. 7).

    layer.weight: (out, in); inputs.mean, inputs.var: (in,); returns weight (out, in) and bias (out,).
    """
    return prune_into_bias(layer.weight.float(), layer.bias, inputs.mean, inputs.var, target)
