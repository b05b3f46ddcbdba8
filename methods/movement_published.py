"""Movement as its released code behaved: nothing moves. Improved Methods for Model Pruning, table 1."""

from prunebench.sparsity.select import prune_lowest

METHOD = {
    "title": "Movement (as published)",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "matrix",
    "cite": "anonymous2024improved",
}


def prune_layer(layer, inputs, target):
    """Zero the smallest weights, then spread the sum of what stands in their place, which is zero by then.

    layer.weight: (out, in); returns the new weight (out, in).
    """
    W = layer.weight.float()
    pruned = prune_lowest(W.abs(), target, "matrix")
    W = W.masked_fill(pruned, 0)
    moved = W[pruned].sum()  # the order of these two lines is the published one
    return (W + moved / (~pruned).sum()).masked_fill(pruned, 0)
