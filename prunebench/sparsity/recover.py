"""What the units that stay can do for those that go, without training: a bias, or the exit's weights refitted."""

from collections.abc import Callable

import torch
from torch import Tensor

from prunebench.models.units import UnitModule


def bias_for(module: UnitModule, gone: Tensor, mean: Tensor) -> Tensor:
    """The exit's bias with what the removed units gave it on average.  An et al., FLAP, AAAI 2024, eq. 7.

    Args:
        gone: (units,) bool.
        mean: (channels,) fp32, of what the exit reads.

    Returns:
        (out,) fp32.
    """
    columns = module.columns[gone].flatten().to(mean.device)
    lost = module.output.weight[:, columns].float() @ mean[columns]
    bias = module.output.bias
    return lost if bias is None else bias.float() + lost


def refitted(module: UnitModule, gone: Tensor, gram: Tensor, ridge: float, note: Callable[[str], None]) -> Tensor:
    """The exit's weights for the channels that stay, fitted by least squares to what the exit gave with all of them.

    Minimises ||X W^T - X_k V^T||^2 + ridge * mean(diag(X_k^T X_k)) * ||V - W_k||^2 over V. Pruning's closed form of
    Greedy Output Approximation, which has no ridge and cannot be solved where channels are collinear.

    Args:
        gone: (units,) bool.
        gram: (channels, channels) fp32, X^T X of what the exit reads.

    Returns:
        (out, kept channels), in the order of the columns, of the dtype of the weights; see `_fitted`.
    """
    kept = module.columns[~gone].flatten().to(gram.device)
    lost = module.columns[gone].flatten().to(gram.device)
    W, G = module.output.weight, gram.double()
    missing = G[kept][:, lost] @ W[:, lost].double().T
    return _fitted(W[:, kept], G[kept][:, kept], missing, ridge, note)


def recovered(weight: Tensor, now: Tensor, cross: Tensor, ridge: float, note: Callable[[str], None]) -> Tensor:
    """Weights W' that make of today's inputs Z what W made of the dense model's inputs X; a bias stays as it is.

    Minimises ||Z W'^T - X W^T||^2 + ridge * mean(diag(Z^T Z)) * ||W' - W||^2.  Li, Dong and Lei, arXiv 2407.19126,
    Algorithms 2 to 4, whose closed form has no ridge.

    Args:
        weight: (out, in).
        now, cross: (in, in) Z^T Z and Z^T X.

    Returns:
        (out, in), of the dtype of `weight`; see `_fitted`.
    """
    # Z^T Z and Z^T X of equal inputs are equal bit by bit, and nothing changes.
    missing = (cross.double() - now.double()) @ weight.double().T
    return _fitted(weight, now.double(), missing, ridge, note)


def _fitted(start: Tensor, gram: Tensor, missing: Tensor, ridge: float, note: Callable[[str], None]) -> Tensor:
    """Weights V near `start` whose outputs Z V^T come nearer to some Y.

    The ridge draws towards `start`, for which the penalty is zero: so whatever the ridge, the error on the calibration
    data is at most what it was. Should rounding to the dtype of the weights undo that, `start` is returned.

    Args:
        start: (out, in).
        gram: (in, in) fp64, Z^T Z.
        missing: (in, out) fp64, Z^T (Y - Z start^T).
    """
    if not gram.diagonal().mean():
        return start  # inputs that are always zero can make up for nothing
    new = (start.double() + _solved(gram, missing, ridge, note).T).to(start.dtype)
    change = new.double() - start.double()
    gained = 2 * (change * missing.T).sum() - ((change @ gram) * change).sum()
    return new if new.isfinite().all() and gained >= 0 else start


def _solved(system: Tensor, right: Tensor, ridge: float, note: Callable[[str], None]) -> Tensor:
    """(system + ridge * mean(diag(system)) * I)^-1 right, with a larger ridge where that cannot be solved."""
    scale = system.diagonal().mean()
    while True:
        damped = system + ridge * scale * torch.eye(len(system), dtype=system.dtype, device=system.device)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            return torch.cholesky_solve(right, factor)
        larger = max(10 * ridge, 1e-10)
        note(f"least squares could not be solved with ridge {ridge:g}, retried with {larger:g}")
        ridge = larger
