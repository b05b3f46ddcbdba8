"""Pruning by the inputs' variance, which is right once their mean is kept in the bias."""

from torch import Tensor

from prunebench.sparsity.select import lowest, prune_lowest
from prunebench.targets import Target


def prune_into_bias(
    weight: Tensor, bias: Tensor | None, mean: Tensor, var: Tensor, target: Target
) -> tuple[Tensor, Tensor | None]:
    """STADE's metric and its bias: W^2 Var(x) within each output, and bias += E[x] W_pruned.

    Args:
        weight: (out, in) fp32.
        bias: (out,) or None.
        mean, var: (in,) fp32, of the layer's inputs.

    Returns:
        The pruned weight and the new bias; the bias given where nothing is to be pruned.

    Source: Mecke et al., STADE, arXiv 2503.22451, eq. 11 (metric), eq. 7 (bias) and sec. 3.4 (its price).
    """
    saliency = weight.square() * var
    pruned = prune_lowest(saliency, target, "row")
    if not pruned.any():
        return weight, bias
    if bias is None and target.pattern == "unstructured":
        # A bias where there was none is paid for with one more weight of its row.
        pruned = lowest(saliency, int(pruned[0].sum()) + 1)
    lost = weight.masked_fill(~pruned, 0) @ mean  # (out,) what the pruned weights contributed on average
    return weight.masked_fill(pruned, 0), lost if bias is None else bias + lost
