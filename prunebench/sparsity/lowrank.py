"""Linears of low rank: two small ones, one after another, where there was a large one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from prunebench.errors import NotApplicable
from prunebench.models.linear import LinearView
from prunebench.patches.surgery import factor

# Of the largest singular value: what is below is noise of the arithmetic, and no measure of how to balance a pair.
_NOISE = 1e-8


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


def split_into_pair(model: nn.Module, linear: LinearView, rank: int, gram: Tensor, root: Callable[[], Tensor]) -> None:
    """Replace a linear W (out, in) by B A, of all matrices of that rank the one with the least ||(W - B A) S||.

    That is the SVD U diag(s) V^T of W S cut after `rank` values, with A = s^1/2 V^T S^-1 and B = U s^1/2. The singular
    vectors of the shorter side come from the symmetric matrix that is W S times its transpose, several times faster
    than from W S. Those of the outputs need no S, as s V^T S^-1 is U^T W. The square costs the singular values below
    1e-8 of the largest their digits; where they matter nothing would be worth cutting.

    Args:
        gram: (in, in) float64, or (in,) for a diagonal: S S^T.
        root: gives S, lower triangular or a diagonal (in,); called for linears with more outputs than inputs.
    """
    W = linear.weight.double()
    if W.shape[0] <= W.shape[1]:
        squares, U = _largest((W * gram if gram.dim() == 1 else W @ gram) @ W.T, rank)
        balance = _balance(squares)
        A, B = U.T @ W / balance[:, None], U * balance
    else:
        S = root()
        scaled = W * S if S.dim() == 1 else W @ S
        squares, V = _largest(scaled.T @ scaled, rank)
        balance = _balance(squares)
        A, B = balance[:, None] * V.T, scaled @ V / balance
        A = A / S if S.dim() == 1 else torch.linalg.solve_triangular(S, A, upper=False, left=False)
    first, second = (part.get_parameter("weight") for part in factor(model, linear.name, rank))
    first.data.copy_(A)
    second.data.copy_(B)


def _largest(square: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues (count,) of a symmetric matrix (n, n), in descending order, and (n, count) vectors."""
    values, vectors = torch.linalg.eigh(square)
    return values[-count:].flip(0), vectors[:, -count:].flip(1)


def _balance(squares: Tensor) -> Tensor:
    """Roots of the singular values, which both matrices of a pair get; any positive number would do."""
    sigma = squares.clamp(min=0).sqrt()
    return sigma.clamp(min=_NOISE * float(sigma[0]) or 1.0).sqrt()
