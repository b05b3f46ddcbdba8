"""STADE: the inputs' standard deviation as metric, their mean kept in a bias. Mecke et al., 2025, arXiv 2503.22451."""

from prunebench.sparsity.select import lowest, prune_lowest

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

    saliency = W.square() * inputs.var
    pruned = prune_lowest(saliency, target, "row")
    if not pruned.any():
        return W, layer.bias
    if layer.bias is None and target.pattern == "unstructured":
        # A bias where there was none is paid for with one more weight of its row (sec. 3.4).
        pruned = lowest(saliency, int(pruned[0].sum()) + 1)
    lost = W.masked_fill(~pruned, 0) @ inputs.mean  # (out,) what the pruned weights contributed on average
    bias = lost if layer.bias is None else layer.bias + lost
    return W.masked_fill(pruned, 0), bias
