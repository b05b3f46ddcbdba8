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

    Minimises ||X W^T - X_k V^T||^2 + ridge * mean(diag(X_k^T X_k)) * ||V - W_k||^2 over V. The ridge draws towards the
    weights there were, W_k, for which the second term is zero: so whatever the ridge, the error on the calibration
    data is at most what it is without refitting. Pruning's closed form of Greedy Output Approximation, which has no
    ridge and cannot be solved where channels are collinear.

    Args:
        gone: (units,) bool.
        gram: (channels, channels) fp32, X^T X of what the exit reads.

    Returns:
        (out, kept channels) fp32, in the order of the columns.
    """
    kept = module.columns[~gone].flatten().to(gram.device)
    lost = module.columns[gone].flatten().to(gram.device)
    W = module.output.weight.double()
    G = gram.double()
    system = G[kept][:, kept]
    scale = system.diagonal().mean()
    if not scale:
        return W[:, kept].float()  # the channels that stay are always zero and can make up for nothing
    while True:
        damped = system + ridge * scale * torch.eye(len(kept), dtype=G.dtype, device=G.device)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            break
        larger = max(10 * ridge, 1e-10)
        note(f"least squares could not be solved with ridge {ridge:g}, retried with {larger:g}")
        ridge = larger
    change = torch.cholesky_solve(G[kept][:, lost] @ W[:, lost].T, factor)
    return (W[:, kept] + change.T).float()
