"""SparseGPT: prune by columns, let the kept weights make up for it. Frantar & Alistarh, ICML 2023, arXiv 2301.00774."""

import torch

from prunebench.sparsity.select import BLOCK_COLUMNS, prune_lowest

METHOD = {
    "title": "SparseGPT",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["gram"],
    "group": "block128",
    "cite": "frantar2023sparsegpt",
    "params": {"damping": 0.01, "update": True},
}


def prune_layer(layer, inputs, target, damping, update, note):
    """Algorithm 1 of the paper.  layer.weight: (out, in); inputs.gram: (in, in); returns the new weight (out, in).

    Everything is held as (in, out), so that a column of the paper, one input's weights, is contiguous.
    Without `update` the same weights go and the others stay as they were.
    """
    # A copy: of a Conv1D in fp32, which stores (in, out), this would be the layer's own weight.
    W = layer.weight.float().T.clone(memory_format=torch.contiguous_format)
    H, dead = hessian(inputs)
    U = inverse_cholesky(H, damping, note)
    block = BLOCK_COLUMNS
    if target.pattern == "n:m":
        block = max(block // target.m, 1) * target.m  # a block holds whole groups of M

    gone = torch.empty_like(W, dtype=torch.bool)
    for start in range(0, len(W), block):
        end = min(start + block, len(W))
        W1, U1, dead1 = W[start:end], U[start:end, start:end], dead[start:end]
        errors = torch.empty_like(W1)
        if target.pattern == "n:m":
            pruned = torch.empty_like(W1, dtype=torch.bool)
        else:
            pruned = prune_lowest(saliency(W1, U1, dead1).T, target, "matrix").T.contiguous()

        for i in range(end - start):
            if target.pattern == "n:m" and i % target.m == 0:
                # Chosen late, on weights that already carry the updates of the inputs before.
                group = slice(i, i + target.m)
                pruned[group] = prune_lowest(saliency(W1[group], U1[group, group], dead1[group]).T, target, "row").T
            errors[i] = torch.where(pruned[i], W1[i], 0) / U1[i, i]
            W1[i + 1 :].addr_(U1[i, i + 1 :], errors[i], alpha=-1)
        W1.masked_fill_(pruned, 0)
        gone[start:end] = pruned
        W[end:] -= U[start:end, end:].T @ errors
    return W.T if update else layer.weight.masked_fill(gone.T, 0)


def saliency(W, U, dead):
    """w^2 / [H^-1]_jj among the inputs still free (eq. 3).  W: (n, out); U: (n, n); dead: (n,); returns (n, out)."""
    return (W / U.diagonal()[:, None]).square().masked_fill(dead[:, None], 0)


def hessian(inputs):
    """2 X^T X / samples (in, in), and which inputs were always zero: their weights cost nothing to prune."""
    H = inputs.gram * (2 / inputs.samples)
    dead = H.diagonal() == 0
    H.diagonal()[dead] = 1
    return H, dead


def inverse_cholesky(H, damping, note):
    """Upper U with H^-1 = U^T U, H damped by damping * mean(diag); ten times more, and said so, where that fails.

    With H = R R^T, R upper, U is R^-1: one factorisation instead of the usual Cholesky, inverse, Cholesky.
    """
    damped = H.clone()
    damped.diagonal().add_(damping * H.diagonal().mean())
    lower, failed = torch.linalg.cholesky_ex(damped.flip(0, 1))
    if not failed:
        identity = torch.eye(len(H), device=H.device, dtype=H.dtype)
        return torch.linalg.solve_triangular(lower.flip(0, 1), identity, upper=True)
    if damping > 1e3:
        raise ArithmeticError(f"the Hessian is not positive definite even with damping {damping:g}")
    note(f"Cholesky failed with damping {damping:g}, retried with {10 * damping:g}")
    return inverse_cholesky(H, 10 * damping, note)
