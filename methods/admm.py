"""ADMM pruning: mask and weights found together, sparsity raised step by step. Boža, TMLR 2024, arXiv 2401.02938."""

import torch

from prunebench.sparsity.select import lowest, prune_lowest

METHOD = {
    "title": "ADMM",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["gram"],
    "group": "matrix",
    "cite": "boza2024admm",
    "params": {"damping": 0.1, "iterations": 20, "ramp": 15},
}


def prune_layer(layer, inputs, target, damping, iterations, ramp):
    """Algorithm 2 of the paper: ADMM on ||XW - XZ||^2, Z sparse, with inputs scaled to norm 1.

    In the first `ramp` iterations (of at least one) the mask is chosen anew, with a sparsity that rises cubically
    to the target's.
    layer.weight: (out, in); inputs.gram: (in, in); returns the new weight (out, in). Here W, Z, U are (in, out).
    """
    norm = inputs.gram.diagonal().sqrt() + 1e-8
    H = inputs.gram / norm / norm[:, None]
    H.diagonal().add_(damping * H.diagonal().mean())
    dense = W = (layer.weight.float() * norm).T
    factor = torch.linalg.cholesky(H + torch.eye(len(H), device=H.device))  # rho = 1
    U = torch.zeros_like(W)
    iterations = max(iterations, 1)
    ramp = min(max(ramp, 1), iterations)
    for step in range(iterations):
        if step < ramp:
            progress = 1 - (1 - (step + 1) / ramp) ** 3
            pruned = choose((W + U).abs().T, target, progress).T
        Z = (W + U).masked_fill(pruned, 0)
        U = U + W - Z
        # (H + 1)^-1 (H dense + Z - U), written so that rounding touches only what changes.
        W = dense + torch.cholesky_solve(Z - U - dense, factor)
    return (W + U).masked_fill(pruned, 0).T / norm


def choose(size, target, progress):
    """The lowest of all weights, so many as `progress` (0 to 1) of the target asks for.  size: (out, in).

    For N:M they are the lowest of those that N:M would prune.
    """
    allowed = prune_lowest(size, target, "matrix")
    if target.pattern == "n:m":
        size = size.masked_fill(~allowed, torch.inf)
    k = int(allowed.sum()) if progress == 1 else int(size.numel() * target.sparsity * progress)
    return lowest(size.reshape(1, -1), k).view(size.shape)
