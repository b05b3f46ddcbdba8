"""The contract, checked on the finished model: the harness measures and never believes a method."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from prunebench.errors import ContractError
from prunebench.models.linear import LinearView, block_linears
from prunebench.results.records import Sparsity
from prunebench.sparsity.select import BLOCK_COLUMNS
from prunebench.targets import Target

# Updated weights are stored in 16 bits, where a few kept ones may round to zero.
_ROUNDED_TO_ZERO = 1e-4


@torch.no_grad()
def verify_pruned(
    dense: nn.Module,
    pruned: nn.Module,
    target: Target,
    group: str | None,
    targets: Mapping[str, Target] | None = None,
) -> Sparsity:
    """Compare the pruned model with the dense one and measure its sparsity.

    Args:
        group: the method's comparison group: a layer may be off its target by one weight per group (a row
            where the method does not say), or by one whole row or column where those compete.
        targets: the target of each linear by name; one that is not there must be as it was. None stands for
            `target` everywhere.

    Returns:
        The sparsity over all prunable weights, also those that were to stay; its `target` is theirs, too.

    Raises:
        ContractError: non-finite weights, changes outside the prunable linears, changed shapes, wrong
            sparsity or a broken N:M pattern. The message names the first offending tensor.
    """
    dense_blocks, pruned_blocks = block_linears(dense), block_linears(pruned)
    if targets is None:
        targets = {linear.name: target for block in dense_blocks for linear in _flat(block)}
    check_untouched(dense, pruned, set(targets))

    zeros, newly, numel, wanted = [], 0, [], 0.0
    for dense_groups, pruned_groups in zip(dense_blocks, pruned_blocks, strict=True):
        zeros.append(0)
        numel.append(0)
        for before, after in zip(_flat(dense_groups), _flat(pruned_groups), strict=True):
            if before.name in targets:
                newly += _check_linear(before, after, targets[before.name], group)
                wanted += targets[before.name].sparsity * after.weight.numel()
            zeros[-1] += int((after.weight == 0).sum())
            numel[-1] += after.weight.numel()
    return Sparsity(
        target=wanted / sum(numel),
        measured=sum(zeros) / sum(numel),
        newly=newly / sum(numel),
        blocks=[z / n for z, n in zip(zeros, numel, strict=True)],
    )


def _flat(groups: list[list[LinearView]]) -> list[LinearView]:
    return [linear for group in groups for linear in group]


def check_untouched(dense: nn.Module, pruned: nn.Module, prunable: set[str], resized: bool = False) -> None:
    """Everything that is not the weight or bias of a linear in `prunable` must be there, bit by bit.

    `resized`: those may have changed their shapes, but not their dtype.
    """
    before, after = dict(_state(dense)), dict(_state(pruned))
    free = {f"{name}.{part}" for name in prunable for part in ("weight", "bias")}
    for name in sorted((before.keys() | after.keys()) - free):
        if name not in after or name not in before:
            raise ContractError(f"{name} was {'removed' if name in before else 'added'}; only block linears may change")
        if not same_bits(before[name], after[name]):
            raise ContractError(f"{name} was changed; only the linears to be pruned may change")
    for name in sorted(free & before.keys()):
        other = name not in after or after[name].dtype != before[name].dtype
        if other or (after[name].shape != before[name].shape and not resized):
            raise ContractError(f"{name} changed its shape or dtype, or is gone")


def _state(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Equal in shape, dtype and every bit."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    # Flat, because a scalar cannot be seen as its bytes.
    return torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))


def _check_linear(before: LinearView, after: LinearView, target: Target, group: str | None) -> int:
    """Check one layer; returns how many non-zero weights became zero."""
    if not after.weight.isfinite().all() or (after.bias is not None and not after.bias.isfinite().all()):
        raise ContractError(f"{after.name} has NaN or infinite values after pruning")
    zero = after.weight == 0
    newly = int((zero & (before.weight != 0)).sum())
    rows, columns = zero.shape
    if target.pattern == "n:m":
        per_group = zero.reshape(-1, target.m).sum(1)
        if (short := int((per_group < target.n).sum())) > 0:
            raise ContractError(
                f"{after.name}: {short} of {len(per_group)} groups of {target.m} have fewer than {target.n} zeros, "
                f"so it is not {target.label}"
            )
    # One weight per group; one row, one column.
    steps = {"row": rows, "matrix": 1, "block128": -(-columns // BLOCK_COLUMNS), "outputs": columns, "inputs": rows}
    wanted = target.sparsity * zero.numel()
    slack = steps[group or "row"] + _ROUNDED_TO_ZERO * zero.numel()
    # Two-sided, and fair to zeros the dense model brought along: enough zeros, and not too many new ones.
    if int(zero.sum()) < wanted - slack or newly > wanted + slack:
        raise ContractError(
            f"{after.name}: {int(zero.sum())} zeros of {zero.numel()} ({newly} of them new) where the target "
            f"{target.token} asks for {round(wanted)}"
        )
    return newly
