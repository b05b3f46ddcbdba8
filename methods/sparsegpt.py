"""SparseGPT: prune by columns, let the kept weights make up for it. Frantar & Alistarh, ICML 2023, arXiv 2301.00774."""

import torch

from prunebench.sparsity.select import prune_lowest

METHOD = {
    "title": "SparseGPT",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["gram"],
    "group": "block128",
    "cite": "frantar2023sparsegpt",
    "params": {"damping": 0.01, "block": 128},
}


def prune_layer(layer, inputs, target, damping, block, note):
    """Algorithm 1 of the paper.  layer.weight: (out, in); inputs.gram: (in, in); returns the new weight (out, in)."""
    W = layer.weight.float().clone()
    H, dead = hessian(inputs)
    U = inverse_cholesky(H, damping, note)  # upper, H^-1 = U^T U
    columns = W.shape[1]

    for start in range(0, columns, block):
        end = min(start + block, columns)
        W1, U1 = W[:, start:end], U[start:end, start:end]
        errors = torch.zeros_like(W1)
        if target.pattern != "n:m":
            pruned = prune_lowest(saliency(W1, U1, dead[start:end]), target, "matrix")
        else:
            pruned = torch.zeros_like(W1, dtype=torch.bool)

        for i in range(end - start):
            if target.pattern == "n:m" and i % target.m == 0:
                # Chosen late, on weights that already carry the updates of the columns before.
                group = slice(i, i + target.m)
                scores = saliency(W1[:, group], U1[group, group], dead[start:end][group])
                pruned[:, group] = prune_lowest(scores, target, "row")
            w = W1[:, i].clone()
            W1[:, i] = w.masked_fill(pruned[:, i], 0)
            errors[:, i] = (w - W1[:, i]) / U1[i, i]
            W1[:, i + 1 :] -= errors[:, i : i + 1] * U1[i, i + 1 :]
        W[:, end:] -= errors @ U[start:end, end:]
    return W


def saliency(W, U, dead):
    """w^2 / [H^-1]_jj of the columns still free (eq. 5).  W: (out, n); U: (n, n); dead: (n,)."""
    return (W / U.diagonal()).square().masked_fill(dead, 0)


def hessian(inputs):
    """2 X^T X / samples (in, in), and which inputs were always zero: those weights cost nothing to prune."""
    H = inputs.gram * (2 / inputs.samples)
    dead = H.diagonal() == 0
    H.diagonal()[dead] = 1
    return H, dead


def inverse_cholesky(H, damping, note):
    """Upper Cholesky factor of (H + damping * mean(diag) * I)^-1; damps ten times more, and says so, if it fails."""
    damped = H.clone()
    damped.diagonal().add_(damping * H.diagonal().mean())
    lower, failed = torch.linalg.cholesky_ex(damped)
    if not failed:
        upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
    if not failed:
        return upper
    if damping > 1e3:
        raise ArithmeticError(f"the Hessian is not positive definite even with damping {damping:g}")
    note(f"Cholesky failed with damping {damping:g}, retried with {10 * damping:g}")
    return inverse_cholesky(H, 10 * damping, note)
