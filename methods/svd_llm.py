"""SVD-LLM: truncated SVD of weights that see whitened inputs. Wang et al., ICLR 2025, arXiv 2403.07378."""

import functools

import torch

from prunebench.engine.sequential import visit_blocks
from prunebench.models.linear import block_linears
from prunebench.sparsity.lowrank import rank_for, split_into_pair

METHOD = {
    "title": "SVD-LLM",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "wang2025svdllm",
    # Inputs from the blocks as they were (the paper's algorithm 1), or as they are with those before factored.
    "params": {"inputs": "dense"},
    "choices": {"inputs": ["dense", "pruned"]},
}


def whitening(gram, note):
    """S with S S^T = X X^T, lower triangular, float64 (in, in): then W S loses exactly what its singular values say.

    Where X X^T is not positive definite in double precision, the smallest shift that makes it so is added and said.
    """
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed:
        scale = gram.diagonal().mean().item() or 1.0
        shift = max(-torch.linalg.eigvalsh(gram)[0].item(), 0.0) + 1e-6 * scale
        note(f"X X^T is singular, {shift / scale:.1e} of its mean diagonal added")
        factor = torch.linalg.cholesky(gram + shift * torch.eye(len(gram), dtype=gram.dtype, device=gram.device))
    return factor


def prune_model(model, calibration, target, inputs, note):
    """Every linear W (out, in) becomes two of rank (1 - target) out in / (out + in).

    With W S = U diag(s) V^T cut after that rank: the first is diag(s)^1/2 V^T S^-1, the second U diag(s)^1/2.
    """
    if target.sparsity == 0:
        return  # a pair that has no more weights than the matrix has half its rank
    device = next(model.parameters()).device
    blocks = block_linears(model)

    def split(index, statistics):
        for group in blocks[index]:
            gram, name = statistics[group[0].name].gram.double(), group[0].name
            root = functools.cache(lambda gram=gram, name=name: whitening(gram, lambda text: note(f"{name}: {text}")))
            for linear in group:
                split_into_pair(model, linear, rank_for(linear.weight.shape, target.sparsity), gram, root)

    visit_blocks(model, calibration, ["gram"], split, device, lambda done, total: None, dense=inputs == "dense")
