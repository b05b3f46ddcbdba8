"""Pruning with recovery beforehand: module by module, its weights are refitted to the dense outputs, then units go."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from prunebench.engine.paired import BlockPair, visit_pairs
from prunebench.engine.sequential import Progress
from prunebench.engine.statistics import InputStatistics
from prunebench.models.linear import LinearView
from prunebench.models.units import UnitModule
from prunebench.sparsity.recover import recovered
from prunebench.sparsity.units import remove_units

# Which units of a module go, (units,) bool, given the statistics of its block's inputs as they are now.
Choose = Callable[[UnitModule, Mapping[str, InputStatistics]], Tensor]


def prune_recovered(
    model: nn.Module,
    chosen: Mapping[int, Sequence[UnitModule]],
    calibration: Tensor,
    needs: Sequence[str],
    choose: Choose,
    ridge: float,
    device: torch.device,
    progress: Progress,
    note: Callable[[str], None],
) -> None:
    """Remove units from `model`, in place.  Li, Dong and Lei, arXiv 2407.19126, Algorithms 2 to 4.

    What was pruned before a module has changed its inputs. So its entrance is refitted to give of today's inputs what
    it gave of the dense model's; then, with what that makes the exit read, the exit likewise. Only then the units are
    scored and removed. Attention comes before the MLP, which sees what pruned attention gives.

    Args:
        chosen: by number of block, the modules that lose units; others stay as they are.
        needs: the statistics that `choose` reads.
        ridge: see `recovered`.
    """

    def refit(pair: BlockPair, linears: Sequence[LinearView]) -> None:
        for name, grams in pair.grams(linears).items():
            view = next(view for view in linears if view.name == name)
            told = lambda text, name=name: note(f"{name}: {text}")  # noqa: E731
            view.write(recovered(view.weight, grams.now, grams.cross, ridge, told), None)

    def visit(index: int, pair: BlockPair) -> None:
        for module in sorted(chosen.get(index, ()), key=lambda module: module.kind):
            refit(pair, [linear for linear in module.linears.values() if linear is not module.output])
            refit(pair, [module.output])
            remove_units(module, choose(module, pair.statistics(needs, module.linears)))

    visit_pairs(model, calibration, visit, device, progress)
