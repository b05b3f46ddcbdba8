"""Recovery fine-tuning: LoRA adapters (Hu et al., ICLR 2022) trained after pruning and merged into the weights."""

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prunebench.errors import PrunebenchError
from prunebench.models.architectures import ARCHITECTURES, is_linear
from prunebench.models.placement import on_device
from prunebench.plugins.variants import Recovery
from prunebench.prune.streams import generator_for
from prunebench.results.records import Loss

RANK, ALPHA = 8, 16  # PruneNet's and LLM-Pruner's rank; LLM-Pruner's alpha
_STEPS, _BATCH = 50, 16  # batches are as large as leaves so many steps, up to so many sequences


@dataclass(frozen=True)
class RecoveryIds:
    """Token ids (samples, tokens) to train on, and others to validate on."""

    training: Tensor
    validation: Tensor


def fine_tune(
    model: nn.Module, ids: RecoveryIds, settings: Recovery, seed: int, device: torch.device, keep_zeros: bool
) -> tuple[list[Loss], str]:
    """Train LoRA adapters on every matrix in the decoder blocks of `model`, in place, and merge them.

    AdamW with a learning rate that falls linearly to zero, gradients clipped to a norm of one; no dropout. The
    adapters are fp32. In a model of 16 bits most of what a weight is to change by is less than half the distance to
    its neighbours, so rounding to the nearest would lose it: merged weights are rounded up or down at random, so that
    they are right on average.

    Args:
        keep_zeros: weights that are zero stay zero; what the adapters would make of them is dropped when they are
            merged, so the last point of the curve may be worse than the one before.

    Returns:
        The curve and a line for people.

    Raises:
        PrunebenchError: the loss stops being finite.
    """
    training = ids.training[: settings.samples]
    order = torch.cat(
        [
            torch.randperm(len(training), generator=generator_for(seed, f"lora epoch {epoch}"))
            for epoch in range(settings.epochs)
        ]
    )
    batch = min(max(len(order) // _STEPS, 1), _BATCH)
    steps = order.split(batch)
    adapted = with_adapters(model, seed)
    try:
        with on_device(adapted, device):
            losses = [Loss(step=0, validation=_validate(model, ids.validation, device))]
            losses += _train(model, [training[step] for step in steps], ids.validation, settings.learning_rate, device)
    finally:
        deltas = _take_adapters_out(model, adapted)
    _merge(model, deltas, seed, keep_zeros)
    with on_device(model, device, changes=False):
        losses[-1] = losses[-1].model_copy(update={"validation": _validate(model, ids.validation, device)})
    return losses, (
        f"LoRA of rank {RANK} on {len(training)} sequences of {training.shape[1]} tokens, {settings.epochs} epochs in "
        f"{len(steps)} steps: validation loss {losses[0].validation:.4f} before, {losses[-1].validation:.4f} after"
    )


def with_adapters(model: nn.Module, seed: int) -> nn.Module:
    """The model with fp32 adapters on the linears of its decoder blocks, whatever a method has put there."""
    from peft import LoraConfig, get_peft_model  # takes seconds, and most cells are not fine-tuned

    names = [
        f"{block_name}.{name}"
        for block_name, block in ARCHITECTURES[model.config.model_type].blocks(model)  # type: ignore[union-attr,index]
        for name, module in block.named_modules()
        if is_linear(module)
    ]
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=names)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Conv1D, whose transposed weight peft sees for itself
        torch.manual_seed(generator_for(seed, "lora").initial_seed())
        return get_peft_model(model, config).eval()


def _train(
    model: nn.Module, batches: list[Tensor], validation: Tensor, learning_rate: float, device: torch.device
) -> list[Loss]:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate)
    losses, since = [], []
    for step, ids in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (1 - (step - 1) / len(batches))
        optimizer.zero_grad()
        since.append(mean_gradients(model, parameters, ids.to(device)))
        norm = nn.utils.clip_grad_norm_(parameters, 1.0)
        if not norm.isfinite():
            raise PrunebenchError(f"the gradient of fine-tuning is not finite at step {step}; lower lora_lr")
        optimizer.step()
        if is_shown(step) or step == len(batches):
            mean = sum(since) / len(since)
            losses.append(Loss(step=step, train=mean, validation=_validate(model, validation, device)))
            since = []
    return losses


def mean_gradients(model: nn.Module, parameters: list[nn.Parameter], ids: Tensor) -> float:
    """Give the fp32 parameters the gradients of the mean loss of a batch (sequences, tokens), and return that loss.

    The backward passes take sums, so that small gradients do not underflow in the 16 bits of the model that they go
    through, and are divided afterwards.
    """
    total, tokens = 0.0, len(ids) * (ids.shape[1] - 1)
    with torch.enable_grad():
        for sequence in ids.split(1):
            loss = _loss(model, sequence, "sum")
            loss.backward()
            total += float(loss.detach())
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad /= tokens
    return total / tokens


def is_shown(step: int) -> bool:
    """Whether the curve has a point there: 1, 2, 4, 6, 8, and then all with one digit that is not zero."""
    digit = 10 ** (len(str(step)) - 1)
    return step % digit == 0 and (step >= 10 or step == 1 or step % 2 == 0)


@torch.no_grad()
def _validate(model: nn.Module, ids: Tensor, device: torch.device) -> float:
    losses = [float(_loss(model, sequence)) for sequence in ids.to(device).split(1)]
    return sum(losses) / len(losses)


def _loss(model: nn.Module, ids: Tensor, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
    """Cross-entropy (nats) of the next tokens of one sequence (1, tokens)."""
    logits = model(input_ids=ids, use_cache=False).logits
    return F.cross_entropy(logits[0, :-1].float(), ids[0, 1:], reduction=reduction)


@torch.no_grad()
def _take_adapters_out(model: nn.Module, adapted: nn.Module) -> dict[str, Tensor]:
    """What the adapters add to each weight, as it is stored, fp32; the model is then as it was without them."""
    from peft.tuners.lora import LoraLayer

    deltas = {
        name: module.get_delta_weight("default").float()
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer)
    }
    adapted.unload()  # type: ignore[operator]
    if hasattr(model, "peft_config"):
        del model.peft_config
    model.requires_grad_(False)
    return deltas


@torch.no_grad()
def _merge(model: nn.Module, deltas: dict[str, Tensor], seed: int, keep_zeros: bool) -> None:
    for name, delta in deltas.items():
        weight = model.get_submodule(name).get_parameter("weight")
        merged = rounded_at_random(weight.float() + delta, weight.dtype, generator_for(seed, f"lora merge {name}"))
        if keep_zeros:
            merged.masked_fill_(weight == 0, 0)
        if not merged.isfinite().all():
            raise PrunebenchError(f"fine-tuning has made {name} infinite; lower lora_lr")
        weight.copy_(merged)


def rounded_at_random(values: Tensor, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """`values` fp32 in a shorter type: one of the two neighbours, each the likelier the nearer, right on average."""
    nearest = values.to(dtype)
    if dtype == torch.float32:
        return nearest
    error = values - nearest.float()
    away = torch.where(error > 0, torch.inf, -torch.inf).to(dtype)
    neighbour = torch.nextafter(nearest, away)
    gap = (neighbour.float() - nearest.float()).abs()
    draw = torch.rand(values.shape, generator=generator)
    return torch.where((error != 0) & (draw * gap < error.abs()), neighbour, nearest)
