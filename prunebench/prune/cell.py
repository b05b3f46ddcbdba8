"""One cell: a copy of the dense model, pruned by one method to one target, and verified."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from prunebench.engine.gradients import dense_gradients
from prunebench.engine.self_written import self_written
from prunebench.engine.sequential import Progress, prune_blocks
from prunebench.engine.shared import DenseFacts
from prunebench.engine.statistics import InputStatistics, WeightGradients
from prunebench.errors import ContractError, PrunebenchError
from prunebench.files import encodable
from prunebench.models.linear import LinearView
from prunebench.models.mapped import copy_model
from prunebench.models.placement import on_device
from prunebench.plugins.loader import Method, call_with_extras
from prunebench.prune.finetune import RecoveryIds, fine_tune
from prunebench.prune.streams import generator_for
from prunebench.prune.targets import linear_targets
from prunebench.prune.units import chosen_names, modules_of_target, prune_units
from prunebench.prune.verify import verify_pruned
from prunebench.prune.verify_units import kept_units, verify_structured
from prunebench.results.records import Loss, Sparsity
from prunebench.sparsity.select import prune_lowest
from prunebench.targets import Target

_NOTES = 8  # of one cell are kept; a method may have one for each of hundreds of layers


@dataclass
class PrunedCell:
    """A pruned model, its measured sparsity, and what a reader of its numbers must know."""

    model: nn.Module
    sparsity: Sparsity
    notes: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


def prune_cell(
    dense: nn.Module,
    method: Method,
    target: Target,
    calibration: Tensor,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress = lambda done, total: None,
    facts: DenseFacts | None = None,
    recovery: RecoveryIds | None = None,
    mapped: bool = False,
) -> PrunedCell:
    """Prune a copy of `dense`, and fine-tune it if the method's variant says so; `dense` itself is never modified.

    The contract is checked on the pruned model. What fine-tuning may change beyond that is checked by it.

    Args:
        calibration: (samples, tokens) token ids; unused by methods whose header needs nothing.
        seed: for methods that draw random numbers; each layer gets its own stream, so a result does not
            depend on what ran before.
        facts: what earlier cells of the same dense model and calibration found out about it, and this one adds to.
        recovery: what a variant with `lora` trains on.
        mapped: the copy's weights lie in files rather than in memory; no number depends on it.

    Raises:
        ContractError: the method broke its contract.
        NotApplicable: the method has nothing to do on this model, or the pattern does not fit it.
    """
    facts = facts or DenseFacts()
    model, notes, to = _prune(dense, method, target, calibration, seed, device, progress, facts, mapped)
    if target.pattern == "structured":
        units, share_of = method.framework.units, modules_of_target(dense, method, to.kept)
        chosen = chosen_names(dense, units) if method.kind == "units" else None
        sparsity = verify_structured(dense, model, target, to.kept, units.compensation, share_of, chosen, to.share)
    else:
        sparsity = verify_pruned(dense, model, target, method.header.group, to.targets)
    losses: list[Loss] = []
    settings = method.framework.recovery
    if settings is not None:
        if recovery is None:
            raise PrunebenchError(f"{method.name} is to be fine-tuned, but there are no tokens to train on")
        losses, said = fine_tune(model, recovery, settings, seed, torch.device(device), target.pattern != "structured")
        notes.append(said)
    return PrunedCell(model, sparsity, notes, losses)


def prune_copy(
    dense: nn.Module,
    method: Method,
    target: Target,
    calibration: Tensor,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress = lambda done, total: None,
) -> tuple[nn.Module, list[str]]:
    """`prune_cell` without the verification: the pruned copy and the notes, for those who look for themselves."""
    model, notes, _ = _prune(dense, method, target, calibration, seed, device, progress, DenseFacts(), False)
    return model, notes


@torch.no_grad()
def _prune(
    dense: nn.Module,
    method: Method,
    target: Target,
    calibration: Tensor,
    seed: int,
    device: torch.device | str,
    progress: Progress,
    facts: DenseFacts,
    mapped: bool,
) -> tuple[nn.Module, list[str], "_Promised"]:
    """The pruned copy, the notes, and what the copy is to be verified against."""
    if target.pattern not in method.header.patterns:
        raise PrunebenchError(f"{method.name} does not do {target.label}: its patterns are {method.header.patterns}")
    model = copy_model(dense, mapped)
    device = torch.device(device)
    if method.framework.data == "self":
        samples, tokens = calibration.shape
        generator = generator_for(seed, "self-written text")
        work = partial(self_written, model, samples, tokens, generator, device)
        calibration = facts.once("self-written text", work)
    targets, notes = linear_targets(model, method.framework, target, calibration, device, facts)
    kept: dict[str, Tensor] = {}
    share = target.sparsity
    said: list[str] = []

    def note(text: object) -> None:
        said.append(encodable(text))  # whatever a method says: it is written into the record

    if method.kind == "model":
        extras = {**method.params, "generator": generator_for(seed, "model"), "note": note, "facts": facts}
        with on_device(model, device):
            told = call_with_extras(method.function, extras, model, calibration, target)
        if isinstance(told, Mapping) and target.pattern == "structured":
            kept = kept_units(dense, told)
        if isinstance(told, float):
            share = told
    elif method.kind in ("score", "layer"):
        gradients: dict[str, WeightGradients] = {}
        if "gradients" in method.header.needs:
            gradients = facts.once("gradients", lambda: dense_gradients(model, calibration, device, WeightGradients))
        needs = [need for need in method.header.needs if need != "gradients"]
        prune = _LinearPruner(method, targets, gradients, seed, note)
        prune_blocks(model, calibration, needs, prune, device, progress)
    else:
        kept = prune_units(model, method, target, calibration, seed, device, progress, facts, note)
    if len(said) > _NOTES:
        said[_NOTES:] = [f"and {len(said) - _NOTES} more notes"]
    return model, notes + said, _Promised(targets, kept, share)


@dataclass(frozen=True)
class _Promised:
    """What a pruned model is to be.

    Attributes:
        targets: of each linear.
        kept: of units, by depth-2 module.
        share: of the weights that is to be gone, where a whole-model method says what its target comes to.
    """

    targets: Mapping[str, Target]
    kept: Mapping[str, Tensor]
    share: float


@dataclass(frozen=True)
class _LinearPruner:
    """Lets a `score` or `prune_layer` method loose on one linear; one without a target stays as it is."""

    method: Method
    targets: Mapping[str, Target]
    gradients: Mapping[str, WeightGradients]
    seed: int
    note: Callable[[str], None]

    def __call__(self, linear: LinearView, inputs: InputStatistics) -> None:
        target = self.targets.get(linear.name)
        if target is None:
            return
        if linear.name in self.gradients:
            inputs = inputs.with_gradients(self.gradients[linear.name].to(linear.weight.device))
        extras = {
            **self.method.params,
            "generator": generator_for(self.seed, linear.name),
            "target": target,
            "layer": linear,
            "note": lambda text: self.note(f"{linear.name}: {text}"),
        }
        if self.method.kind == "score":
            self._mask_by_score(linear, inputs, target, extras)
        else:
            result = call_with_extras(self.method.function, extras, linear, inputs, target)
            weight, bias = result if isinstance(result, tuple) else (result, None)
            self._check_shape(linear, "weight", weight, linear.weight)
            linear.write(weight, bias)

    def _mask_by_score(
        self, linear: LinearView, inputs: InputStatistics, target: Target, extras: Mapping[str, object]
    ) -> None:
        # fp32, because W**2 of a small 16-bit weight underflows to zero.
        saliency = call_with_extras(self.method.function, extras, linear.weight.float(), inputs)
        self._check_shape(linear, "saliency", saliency, linear.weight)
        try:
            pruned = prune_lowest(saliency.to(linear.weight.device), target, self.method.header.group or "row")
        except ContractError as error:
            raise ContractError(f"{linear.name}: {error}") from None
        # masked_fill, not a product: kept weights stay the same bits and pruned ones become +0.
        linear.weight.masked_fill_(pruned, 0)

    def _check_shape(self, linear: LinearView, what: str, value: object, like: Tensor) -> None:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        if shape != tuple(like.shape):
            raise ContractError(f"{self.method.name} returned a {what} {shape} for {linear.name} {tuple(like.shape)}")
