"""ASVD: truncated SVD of weights scaled by their inputs' size. Yuan et al., 2023, arXiv 2312.05821."""

import torch

from prunebench.engine.sequential import calibration_batches
from prunebench.models.linear import block_linears
from prunebench.sparsity.lowrank import rank_for, split_into_pair

METHOD = {
    "title": "ASVD",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "yuan2023asvd",
    "params": {"alpha": 0.5},
}


def mean_magnitudes(model, groups, calibration):
    """For each group of linears that read the same tensor x the mean of |x| over tokens, (in,) fp32."""
    sums, tokens = [0] * len(groups), calibration.numel()

    def listener(index):
        def listen(module, args):
            sums[index] = sums[index] + args[0].detach().flatten(0, -2).float().abs().sum(0)

        return listen

    hooks = [group[0].module.register_forward_pre_hook(listener(index)) for index, group in enumerate(groups)]
    try:
        for ids in calibration_batches(calibration):
            model(ids.to(groups[0][0].weight.device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return [total / tokens for total in sums]


@torch.no_grad()
def prune_model(model, calibration, target, alpha):
    """Every linear W (out, in) becomes two of rank (1 - target) out in / (out + in), from the SVD of W S.

    S = diag(mean |x_j|^alpha). The SVD is exact (the released code's is randomised) and all layers have the
    same ratio: the search for each layer's own by its sensitivity is left out.
    """
    if target.sparsity == 0:
        return  # a pair that has no more weights than the matrix has half its rank
    groups = [group for block in block_linears(model) for group in block]
    for group, magnitude in zip(groups, mean_magnitudes(model, groups, calibration), strict=True):
        S = magnitude.double().pow(alpha)
        S[S == 0] = 1e-6  # an input that is always zero: its weights count nothing, but must come back
        for linear in group:
            split_into_pair(model, linear, rank_for(linear.weight.shape, target.sparsity), S**2, lambda S=S: S)
