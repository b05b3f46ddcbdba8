"""Movement: the pruned weights' sum is spread over the kept ones. Improved Methods for Model Pruning, sec. 4.2."""

import torch

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


def prune_layer(layer, inputs, target, note):
    """Magnitude's mask; every kept weight gains an equal share of what was pruned, so the matrix keeps its sum.

    The reading of the paper: its released code sums the weights after zeroing them (see movement_published).
    Not the movement pruning of Sanh et al. 2020. In 16 bits most weights are too large for their share to change
    them; how much of it arrives is noted.  layer.weight: (out, in); returns the new weight (out, in).
    """
    W = layer.weight.float()
    pruned = prune_lowest(W.abs(), target, "matrix")
    moved = W[pruned].sum()
    weight = (W + moved / (~pruned).sum()).masked_fill(pruned, 0).to(layer.weight.dtype)
    if weight.dtype != torch.float32 and moved:
        arrived = (weight.double().sum() - W.double().sum()) / moved + 1  # all of it keeps the matrix's sum
        note(f"{arrived:.0%} of what moved is left in {weight.dtype}")
    return weight
