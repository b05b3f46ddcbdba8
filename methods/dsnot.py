"""DSnoT: Wanda's mask, then weights grow back and others go in their place. Zhang et al., ICLR 2024, 2310.08915."""

import torch

from prunebench.sparsity.select import prune_lowest

METHOD = {
    "title": "DSnoT",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_sq_norm", "input_mean", "input_var"],
    "group": "row",
    "cite": "zhang2024dsnot",
    "params": {"cycles": 50, "threshold": 0.1, "skip": "mlp"},
    "choices": {"skip": ["mlp", "self_attn", "none"]},
}
ATTENTION = {"self_attn", "attn", "attention"}
SKIPPED = {"mlp": {False}, "self_attn": {True}, "none": set()}  # by whether a layer belongs to attention


def prune_layer(layer, inputs, target, cycles, threshold, skip):
    """Swap until a row's expected change of its output is below the threshold, at most `cycles` times.

    Expected outputs are sums over a calibration sample's tokens. The layers of `skip` keep Wanda's mask, as in the
    released code: mlp (all but attention's), self_attn, or none.
    layer.weight: (out, in); inputs.mean, inputs.var: (in,); returns the weight (out, in), of which no value changes.
    """
    W = layer.weight.float()
    saliency = W.abs() * inputs.l2_norm
    pruned = prune_lowest(saliency, target, "row")
    in_attention = not ATTENTION.isdisjoint(layer.name.split("."))
    if in_attention not in SKIPPED[skip]:
        contribution = W * inputs.mean * (inputs.tokens / inputs.samples)
        swap(pruned, saliency, contribution, inputs.var, target.m or W.shape[1], cycles, threshold)
    return layer.weight.masked_fill(pruned, 0)


def swap(pruned, saliency, contribution, var, m, cycles, threshold):
    """Change `pruned` (out, in) in place; each weight takes part in one swap at most, and swaps stay in groups of m.

    What grows: the pruned weight that makes up for most of the error, measured against its input's variance.
    What goes: the least salient kept weight, of those whose loss makes up for the error where a row is one group;
    within groups of m it may add to the error, and a row ends before its error changes sign (as in the released code).
    """
    rows, columns = pruned.shape
    error = (contribution * pruned).sum(1)  # what each output lacks, on average
    side = error.sign()
    growable, prunable = pruned.clone(), ~pruned
    whole_rows = m == columns
    groups = torch.arange(columns, device=pruned.device) // m
    for _ in range(cycles):
        helps = error.sign()[:, None] * contribution  # what growing this weight takes off the error
        losable = prunable & (helps < 0) if whole_rows else prunable
        room = losable.reshape(rows, -1, m).any(-1).repeat_interleave(m, 1)
        gain, grown = (helps / var).masked_fill(~(growable & room & (helps > 0)), -torch.inf).max(1)
        in_group = groups == groups[grown][:, None]
        cost, gone = saliency.masked_fill(~(losable & in_group), torch.inf).min(1)
        swapped = contribution.gather(1, torch.stack([gone, grown], 1))
        after = error + swapped[:, 0] - swapped[:, 1]
        active = (error.abs() > threshold) & (gain > -torch.inf) & (cost < torch.inf)
        if not whole_rows:
            active &= after.sign() == side
        if not active.any():
            return
        row, grown, gone = active.nonzero()[:, 0], grown[active], gone[active]
        pruned[row, grown], pruned[row, gone] = False, True
        growable[row, grown], prunable[row, gone] = False, False
        error[active] = after[active]
