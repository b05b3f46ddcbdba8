"""From saliencies to a mask: exact counts, whatever the ties.

Published code often thresholds (`score <= kth`), which prunes one weight too many and every tie with it;
with 16-bit or dequantised weights that is a measurable amount. Here counts are exact and ties go to the
lowest index, so a result does not depend on a sort's whims or on the device.
"""

import torch
from torch import Tensor

from prunebench.errors import ContractError, NotApplicable
from prunebench.targets import Target

BLOCK_COLUMNS = 128
# Groups in which whole rows (`outputs`) or whole columns (`inputs`) compete; they have no N:M.
WHOLE = ("outputs", "inputs")


def prune_lowest(saliency: Tensor, target: Target, group: str) -> Tensor:
    """Mark the least salient weights.

    Args:
        saliency: (out, in), any float dtype; the lowest go first.
        target: how many. N:M takes N of every M consecutive inputs of a row, whatever the group.
        group: what competes with what: `row` (one output), `matrix`, or `block128` (128 columns, all rows);
            in `outputs` whole rows compete by their sums, in `inputs` whole columns.

    Returns:
        (out, in) bool, True = pruned; int(size * sparsity) of each group, int(rows * sparsity) whole rows,
        or int(columns * sparsity) whole columns.

    Raises:
        ContractError: the saliency has NaN or no floating-point type, or whole rows or columns are to go N of M.
        NotApplicable: M does not divide the number of inputs.
    """
    if not saliency.is_floating_point():
        raise ContractError(f"the saliency is of {saliency.dtype}, and has to be of a floating-point type")
    if saliency.isnan().any():
        raise ContractError(f"the saliency has {int(saliency.isnan().sum())} NaN of {saliency.numel()}")
    rows, columns = saliency.shape
    if target.pattern == "n:m":
        if group in WHOLE:
            raise ContractError(f"group {group!r} prunes whole rows or columns, which cannot be {target.label}")
        if columns % target.m:
            raise NotApplicable(f"{target.label} needs a multiple of {target.m} inputs, a layer has {columns}")
        return lowest(saliency.reshape(-1, target.m), target.n).view(rows, columns)
    if group == "row":
        return lowest(saliency, int(columns * target.sparsity))
    if group == "matrix":
        return lowest(saliency.reshape(1, -1), int(saliency.numel() * target.sparsity)).view(rows, columns)
    if group in WHOLE:
        across = 1 if group == "outputs" else 0
        # fp64, because a sum of thousands must not make ties of rows that differ.
        sums = saliency.double().sum(across).unsqueeze(0)
        if sums.isnan().any():
            raise ContractError("the saliency has infinities of both signs in one row or column")
        return lowest(sums, int(sums.numel() * target.sparsity)).view(-1).unsqueeze(across).expand(rows, columns)
    blocks = saliency.split(BLOCK_COLUMNS, dim=1)
    return torch.cat([prune_lowest(block, target, "matrix") for block in blocks], dim=1)


def lowest(groups: Tensor, k: int) -> Tensor:
    """Mark exactly the k lowest of each row of `groups` (g, n); ties go to the lowest index.  Returns (g, n) bool."""
    if k == 0:
        return torch.zeros_like(groups, dtype=torch.bool)
    threshold = groups.kthvalue(k, dim=1, keepdim=True).values
    below = groups < threshold
    tied = groups == threshold
    room = k - below.sum(1, keepdim=True)
    return below | (tied & (tied.cumsum(1) <= room))
