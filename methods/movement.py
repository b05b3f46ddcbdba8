"""Movement: the pruned weights' sum is spread over the kept ones. Improved Methods for Model Pruning, sec. 4.2."""

from prunebench.sparsity.select import prune_lowest

METHOD = {
    "title": "Movement",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "matrix",
    "cite": "anonymous2024improved",
}


def prune_layer(layer, inputs, target):
    """Magnitude's mask; every kept weight gains an equal share of what was pruned, so the matrix keeps its sum.

    The reading of the paper: its released code sums the weights after zeroing them (see movement_published).
    Not the movement pruning of Sanh et al. 2020.  layer.weight: (out, in); returns the new weight (out, in).
    """
    W = layer.weight.float()
    pruned = prune_lowest(W.abs(), target, "matrix")
    moved = W[pruned].sum()
    return (W + moved / (~pruned).sum()).masked_fill(pruned, 0)
