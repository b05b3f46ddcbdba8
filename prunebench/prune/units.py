"""Structured pruning: a method scores the units of each depth-2 module, and the lowest are physically removed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from prunebench.engine.allocation.similarity import remaining_counts, similar_heads
from prunebench.engine.allocation.units import check_budget, global_choice, standardised, uniform_counts
from prunebench.engine.attention import attention_distances
from prunebench.engine.gradients import dense_gradients
from prunebench.engine.sequential import Progress, visit_blocks
from prunebench.engine.shared import DenseFacts
from prunebench.engine.statistics import InputStatistics, TaylorGradients
from prunebench.errors import ContractError, NotApplicable
from prunebench.models.units import UnitModule, unit_modules
from prunebench.plugins.loader import Method, call_with_extras
from prunebench.plugins.unit_settings import UnitSettings
from prunebench.plugins.variants import reads
from prunebench.prune.recovery import prune_recovered
from prunebench.prune.streams import generator_for
from prunebench.sparsity.recover import bias_for, refitted
from prunebench.sparsity.select import lowest
from prunebench.sparsity.units import remove_units
from prunebench.targets import Target

Statistics = Mapping[str, InputStatistics]
Note = Callable[[str], None]


def prune_units(
    model: nn.Module,
    method: Method,
    target: Target,
    calibration: Tensor,
    seed: int,
    device: torch.device,
    progress: Progress,
    facts: DenseFacts,
    note: Note,
) -> dict[str, Tensor]:
    """Remove units from `model`, in place; the arguments are those of `prune_cell`.

    The target is a share of the weights, without biases, of all linears in decoder blocks, whichever modules and
    blocks are to lose units, or with `share_of=pruned` of these modules only. With the global allocation, scores come
    from a pass over the dense model, and the data runs a second time only if there is something to compensate.

    Returns:
        (units,) bool, True = kept, for every depth-2 module by name.

    Raises:
        ContractError: a score of another shape, or with NaN.
        NotApplicable: the blocks and modules that may lose units have too few or too large ones for the target.
    """
    settings = method.framework.units
    blocks = unit_modules(model)
    chosen = chosen_modules(blocks, settings)
    whole = chosen.values() if settings.share_of == "pruned" else blocks
    budget = target.sparsity * sum(module.units * module.unit_weights for block in whole for module in block)
    score = _Scorer(method, target, _gradients(model, method, calibration, device, facts), seed, note)
    read = reads(method.header, method.framework)
    needs: list[str] = [need for need in read.needs if need != "gradients"]
    repair_needs: list[str] = list(read.repair)

    gone: dict[str, Tensor] = {}
    if settings.allocation == "uniform":
        counts = uniform_counts(list(chosen.values()), budget, settings.attention)
        needs = list(dict.fromkeys([*needs, *repair_needs]))
    elif settings.allocation == "similarity":
        if read.attention:
            work = partial(attention_distances, model, calibration, device, progress)
            distances = facts.once("attention distances", work)
            gone, tau = similar_heads(list(chosen.values()), distances, budget, settings.attention, settings.tau)
            note(f"of heads at a Jensen-Shannon distance up to {tau:.4g}, one goes")
        counts = remaining_counts(list(chosen.values()), gone, budget)
        needs = list(dict.fromkeys([*needs, *repair_needs]))
    else:
        scores: dict[str, Tensor] = {}

        def keep_scores(index: int, statistics: Statistics) -> None:
            scores.update({module.name: standardised(score(module, statistics)) for module in chosen.get(index, ())})

        visit_blocks(model, calibration, needs, keep_scores, device, progress, dense=True)
        gone = global_choice(list(chosen.values()), scores, budget, settings.attention)
        counts = {name: int(units.sum()) for name, units in gone.items()}
        needs = repair_needs
    modules = [module for block in chosen.values() for module in block]
    removed = sum(counts[module.name] * module.unit_weights for module in modules)
    check_budget(list(chosen.values()), removed, budget, target.token)

    def choose(module: UnitModule, statistics: Statistics) -> Tensor:
        if module.name not in gone:
            total = score(module, statistics).double().reshape(1, module.units, -1).sum(2)
            gone[module.name] = lowest(total, counts[module.name])[0]
        return gone[module.name]

    def remove(index: int, statistics: Statistics) -> None:
        for module in chosen.get(index, ()):
            _shrink(module, choose(module, statistics), statistics[module.output.name], settings, note)

    if settings.compensation == "two_step":
        prune_recovered(model, chosen, calibration, needs, choose, settings.ridge, device, progress, note)
    else:
        visit_blocks(model, calibration, needs, remove, device, progress, dense=settings.statistics == "dense")
    _tell(modules, counts, settings, note)
    every = {module.name: torch.ones(module.units, dtype=torch.bool) for block in blocks for module in block}
    return every | {name: ~units for name, units in gone.items()}


def chosen_modules(blocks: Sequence[Sequence[UnitModule]], settings: UnitSettings) -> dict[int, list[UnitModule]]:
    """The modules that may lose units, by the number of their block.

    Raises:
        NotApplicable: the range of blocks leaves none.
    """
    chosen = {
        index: [module for module in blocks[index] if settings.only in ("all", module.kind)]
        for index in settings.block_range(len(blocks))
    }
    if not chosen:
        raise NotApplicable(f"blocks={settings.blocks} leaves none of the {len(blocks)} blocks to be pruned")
    return chosen


def chosen_names(dense: nn.Module, settings: UnitSettings) -> set[str]:
    """The names of the modules that may lose units."""
    return {module.name for block in chosen_modules(unit_modules(dense), settings).values() for module in block}


def modules_of_target(dense: nn.Module, method: Method, kept: Mapping[str, Tensor]) -> set[str]:
    """The names of the modules whose weights the target is a share of; none for those of all decoder blocks.

    Args:
        kept: (units,) bool by module; of a whole-model method, all that is known about where it may remove units.
    """
    settings = method.framework.units
    if settings.share_of == "all" or not kept:
        return set()
    if method.kind == "units":
        return chosen_names(dense, settings)
    modules = [module for block in unit_modules(dense) for module in block]
    kinds = {module.kind for module in modules if not kept[module.name].all()}
    return {module.name for module in modules if module.kind in kinds}


def _gradients(
    model: nn.Module, method: Method, calibration: Tensor, device: torch.device, facts: DenseFacts
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean gradient and mean squared gradient (out, in) of every linear, if the method asks for them."""
    if "gradients" not in method.header.needs:
        return {}

    def work() -> dict[str, tuple[Tensor, Tensor]]:
        sums = dense_gradients(model, calibration, device, TaylorGradients)
        samples = len(calibration)
        return {name: (each.signed.div_(samples), each.squared.div_(samples)) for name, each in sums.items()}

    return facts.once("mean gradients", work)


@dataclass(frozen=True)
class _Scorer:
    """Calls `score_units` for one module and checks what it returns."""

    method: Method
    target: Target
    gradients: Mapping[str, tuple[Tensor, Tensor]]
    seed: int
    note: Note

    def __call__(self, module: UnitModule, statistics: Statistics) -> Tensor:
        """(units,) or (units, parts), on the CPU."""
        extras = {
            **self.method.params,
            "generator": generator_for(self.seed, module.name),
            "target": self.target,
            "note": lambda text: self.note(f"{module.name}: {text}"),
            "module_inputs": statistics[next(iter(module.linears))],
        }
        seen = replace(module, gradients=self.gradients)
        score = call_with_extras(self.method.function, extras, seen, statistics[module.output.name])
        shape = tuple(score.shape) if isinstance(score, Tensor) else type(score).__name__
        if not isinstance(score, Tensor) or score.dim() not in (1, 2) or len(score) != module.units:
            raise ContractError(
                f"{self.method.name} returned a score {shape} for the {module.units} units of {module.name}; "
                "(units,) or (units, parts) is expected"
            )
        if not score.is_floating_point():
            raise ContractError(f"{self.method.name} returned a score of {score.dtype}, which is no float type")
        if score.isnan().any():
            raise ContractError(f"{self.method.name} returned NaN among the scores of {module.name}")
        if self.method.framework.units.allocation == "global" and score.isinf().any():
            raise ContractError(f"{self.method.name} returned infinite scores for {module.name}; global compares them")
        return score.cpu()


def _shrink(module: UnitModule, gone: Tensor, inputs: InputStatistics, settings: UnitSettings, note: Note) -> None:
    """Remove units from one module and let the exit make up for them as far as it is to."""
    if not gone.any():
        return
    weight, bias = None, None
    if settings.compensation == "bias":
        bias = bias_for(module, gone, inputs.mean)
    elif settings.compensation == "least_squares":
        weight = refitted(module, gone, inputs.gram, settings.ridge, lambda text: note(f"{module.name}: {text}"))
    remove_units(module, gone)
    if weight is not None or bias is not None:
        module.output.write(module.output.weight if weight is None else weight, bias)


def _tell(modules: Sequence[UnitModule], counts: Mapping[str, int], settings: UnitSettings, note: Note) -> None:
    """One line on where the units went."""
    for kind, what in (("attention", "key-value heads"), ("mlp", "MLP channels")):
        of_kind = [module for module in modules if module.kind == kind]
        lost, before = sum(counts[module.name] for module in of_kind), sum(module.units for module in of_kind)
        if before:
            note(f"{lost} of {before} {what} removed ({settings.allocation}, compensation {settings.compensation})")
