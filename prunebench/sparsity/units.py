"""Units out of a model: zeroed, as a reference, or physically removed, which makes its matrices smaller."""

import copy

import torch
from torch import Tensor

from prunebench.errors import ContractError
from prunebench.models.units import UnitModule


@torch.no_grad()
def zero_units(module: UnitModule, gone: Tensor) -> None:
    """Silence units: what reaches the exit from them counts nothing.  gone: (units,) bool, True = silenced."""
    module.output.weight[:, module.columns[gone].flatten().to(module.output.weight.device)] = 0


@torch.no_grad()
def remove_units(module: UnitModule, gone: Tensor) -> None:
    """Make every matrix of the module smaller; the kept weights keep their bits and their order.

    What the module's own forward derives shapes from follows. The description that was given is of the module
    as it was: ask `unit_modules` for another.

    Args:
        gone: (units,) bool, True = removed.

    Raises:
        ContractError: no unit would be left. A module without any cannot run, and its block would be another.
    """
    if gone.all():
        raise ContractError(f"all {module.units} units of {module.name} were to be removed; one has to stay")
    if not gone.any():
        return
    kept = ~gone.cpu()
    for name, linear in module.linears.items():
        if linear is not module.output:
            parts = [rows[kept].flatten() for view, rows in module.rows.values() if view.name == name]
            linear.keep(rows=torch.cat(parts).sort().values)
    module.output.keep(columns=module.columns[kept].flatten())
    _recount(module, int(kept.sum()))


def _recount(module: UnitModule, units: int) -> None:
    """Tell the attention module how many heads it has now, where it does not see that in its weights."""
    heads = units * module.heads_per_unit
    counted = {"heads": heads, "kv_heads": units, "width": heads * module.head_dim}
    for path, what in module.description.counts.items():
        where, _, name = path.rpartition(".")
        if where:
            # Shared by the whole model, whose other layers may have kept other numbers of heads.
            setattr(module.owner, where, copy.copy(getattr(module.owner, where)))
        setattr(getattr(module.owner, where) if where else module.owner, name, counted[what])
