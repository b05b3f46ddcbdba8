"""The contract of structured pruning, checked on the finished model: what is gone, and that the rest is as it was."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from prunebench.errors import ContractError
from prunebench.models.linear import LinearView, block_weights, prunable_linears
from prunebench.models.units import UnitModule, unit_modules
from prunebench.prune.verify import check_untouched, same_bits
from prunebench.prune.verify_whole import verify_whole, whole_slack
from prunebench.results.records import Size, Sparsity
from prunebench.targets import Target


@torch.no_grad()
def verify_structured(
    dense: nn.Module,
    pruned: nn.Module,
    target: Target,
    kept: Mapping[str, Tensor],
    compensation: str,
    share_of: Collection[str] = (),
    chosen: Collection[str] | None = None,
    share: float | None = None,
) -> Sparsity:
    """Compare the smaller model with the dense one and measure what is gone.

    Args:
        kept: (units,) bool for every depth-2 module by name. Empty for a method that changed the model as it liked,
            which is held to `verify_whole` and, less closely, to the target.
        compensation: `bias` may have changed the biases of the exits, `least_squares` their weights, and `two_step`
            every weight of the modules, even of one that lost nothing: what it reads is no longer what it was.
        share_of: the modules whose weights the target is a share of, by name; empty for all linears in decoder blocks.
        chosen: the modules that may have been compensated, by name; None for all.
        share: of the weights that is to be gone; None for the target's.

    Returns:
        `measured` is the share of the weights of the blocks' matrices that is gone.

    Raises:
        ContractError: non-finite values, changes outside the linears of depth-2 modules, kept weights that are not the
            dense model's bit by bit, or a wrong number of weights removed. The message names the first offender.
    """
    for name, tensor in pruned.state_dict().items():
        if not tensor.isfinite().all():
            raise ContractError(f"{name} has NaN or infinite values after pruning")
    before, now = block_weights(dense), block_weights(pruned)
    wanted = target.sparsity if share is None else share
    if not kept:
        verify_whole(dense, pruned)
        slack = whole_slack(before, now, wanted)
    else:
        check_untouched(dense, pruned, set(prunable_linears(dense)), resized=True)
        after = prunable_linears(pruned)
        blocks = unit_modules(dense)
        modules = [module for block in blocks for module in block]
        for module in modules:
            allowed = compensation if chosen is None or module.name in chosen else "none"
            _check_module(module, after, kept[module.name], allowed)
        # One unit of each block, of the finer kind that lost any: what whole units leave over.
        lost = {module.kind for module in modules if not kept[module.name].all()}
        finest = [min(m.unit_weights for m in block if not lost or m.kind in lost) for block in blocks]
        slack = sum(finest) / sum(before)
        if share_of:
            whole = [module for module in modules if module.name in share_of]
            wanted *= sum(module.units * module.unit_weights for module in whole) / sum(before)
    measured = 1 - sum(now) / sum(before)
    if abs(measured - wanted) > slack:
        raise ContractError(
            f"{measured:.2%} of the weights in decoder blocks are gone where the target {target.token} asks for "
            f"{100 * wanted:.3g}%"
        )
    return Sparsity(
        target=wanted,
        measured=measured,
        newly=measured,
        # A method that drops whole blocks leaves none to compare with.
        blocks=[1 - n / b for n, b in zip(now, before, strict=True)] if len(now) == len(before) else [],
        size=measured_size(dense, pruned).model_copy(update={"pruned_heads": _pruned_heads(dense, kept)}),
    )


def kept_units(dense: nn.Module, told: Mapping[str, object]) -> dict[str, Tensor]:
    """What a whole-model method says it kept, (units,) bool by depth-2 module, with all of those it does not name.

    Raises:
        ContractError: it names another module, or another number of units.
    """
    every = {module.name: module.units for block in unit_modules(dense) for module in block}
    for name, units in told.items():
        fits = isinstance(units, Tensor) and units.dtype == torch.bool and tuple(units.shape) == (every.get(name),)
        if not fits:
            raise ContractError(
                f"prune_model returned kept units for {name!r} that are no bool tensor ({every.get(name)},) of a module"
            )
    return {name: torch.ones(units, dtype=torch.bool) for name, units in every.items()} | {
        name: units.cpu() for name, units in told.items() if isinstance(units, Tensor)
    }


def measured_size(dense: nn.Module, pruned: nn.Module) -> Size:
    """The parameters of both models."""
    return Size(
        parameters=sum(parameter.numel() for parameter in pruned.parameters()),
        embeddings=_embeddings(pruned),
        dense_parameters=sum(parameter.numel() for parameter in dense.parameters()),
        dense_embeddings=_embeddings(dense),
    )


def _pruned_heads(dense: nn.Module, kept: Mapping[str, Tensor]) -> int | None:
    if not kept:
        return None
    attention = [module for block in unit_modules(dense) for module in block if module.kind == "attention"]
    return sum(int((~kept[module.name]).sum()) * module.heads_per_unit for module in attention)


def _embeddings(model: nn.Module) -> int:
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    head = model.get_output_embeddings()  # type: ignore[operator]
    unique = {id(parameter): parameter for module in [*tables, head] for parameter in module.parameters()}
    return sum(parameter.numel() for parameter in unique.values())


def _check_module(before: UnitModule, after: Mapping[str, LinearView], kept: Tensor, compensation: str) -> None:
    refitted = compensation == "two_step"
    for name, linear in before.linears.items():
        if linear is before.output:
            continue
        rows = torch.cat([rows[kept].flatten() for view, rows in before.rows.values() if view.name == name])
        rows = rows.sort().values
        _check(name, "weight", linear.weight[rows], after[name].weight, refitted)
        _check(name, "bias", None if linear.bias is None else linear.bias[rows], after[name].bias)
    output, now = before.output, after[before.output.name]
    wanted = output.weight[:, before.columns[kept].flatten()]
    touched = not kept.all()
    refitted |= compensation == "least_squares" and touched
    _check(output.name, "weight", wanted, now.weight, refitted)
    if compensation != "bias" or not touched:
        _check(output.name, "bias", output.bias, now.bias)


def _check(name: str, part: str, wanted: Tensor | None, found: Tensor | None, refitted: bool = False) -> None:
    if wanted is None or found is None:
        if wanted is not found:
            raise ContractError(f"the {part} of {name} was {'added' if wanted is None else 'removed'}")
        return
    if refitted:
        if found.shape != wanted.shape:
            raise ContractError(f"{name} is {tuple(found.shape)} where {tuple(wanted.shape)} is left")
        return
    if not same_bits(wanted, found):
        raise ContractError(
            f"the {part} of {name} {tuple(found.shape)} is not what the units that stay had in the dense model, "
            f"{tuple(wanted.shape)}"
        )
