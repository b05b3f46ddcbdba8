"""Linears of low rank: two small ones, one after another, where there was a large one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from prunebench.errors import NotApplicable
from prunebench.models.linear import LinearView
from prunebench.patches.surgery import factor


def rank_for(shape: tuple[int, int], removed: float) -> int:
    """The rank whose two factors have as near as can be the share 1 - removed of the weights of a matrix (out, in).

    Raises:
        NotApplicable: not even rank 1 is small enough.
    """
    out, width = shape
    rank = round((1 - removed) * out * width / (out + width))
    if rank == 0:
        raise NotApplicable(f"{removed:.0%} fewer weights of a matrix {out} x {width} leave no rank")
    return min(rank, out, width)


def split_into_pair(
    model: nn.Module, linear: LinearView, rank: int, scale: Tensor, unscale: Callable[[Tensor], Tensor]
) -> None:
    """Replace a linear by W ~= B A from the `rank` largest singular values of W S, B taking their roots and A S^-1.

    Args:
        scale: (in, in) float64, or (in,) for a diagonal: S.
        unscale: multiplies (rank, in) float64 by S^-1 from the right.
    """
    W = linear.weight.double()
    U, sigma, V = torch.linalg.svd(W * scale if scale.dim() == 1 else W @ scale, full_matrices=False)
    root = sigma[:rank].sqrt()
    pair = factor(model, linear.name, rank)
    first, second = (part.get_parameter("weight") for part in pair)
    first.data.copy_(unscale(root[:, None] * V[:rank]))
    second.data.copy_(U[:, :rank] * root)
