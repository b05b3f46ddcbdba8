"""Gradients of the dense model's loss with respect to its prunable weights, added up over calibration samples."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prunebench.engine.statistics import TaylorGradients, WeightGradients
from prunebench.errors import PrunebenchError
from prunebench.models.linear import LinearView, prunable_linears
from prunebench.models.placement import on_device

Sums = TypeVar("Sums", WeightGradients, TaylorGradients)


def dense_gradients(model: nn.Module, calibration: Tensor, device: torch.device, kind: type[Sums]) -> dict[str, Sums]:
    """One backward pass per sample through the dense model; its weights do not change.

    The loss is the mean cross-entropy of a sample's next tokens. The backward pass itself takes their sum,
    so that small gradients do not underflow in 16 bits, and is divided afterwards in fp32.

    Memory: on the host 8 bytes per prunable weight; on the device the whole model, the activations of one
    sample and the gradient of one weight at a time.

    Args:
        calibration: (samples, tokens) token ids.
        kind: which sums over the samples are kept.

    Raises:
        PrunebenchError: a gradient is not finite.
    """
    linears = prunable_linears(model)
    sums = {name: kind.zeros(view.weight.shape) for name, view in linears.items()}
    required = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    model.requires_grad_(False)
    hooks: list[torch.utils.hooks.RemovableHandle] = []
    try:
        with on_device(model, device, changes=False):
            hooks += [_accumulate(view, sums[name], calibration.shape[1] - 1) for name, view in linears.items()]
            for ids in calibration.to(device).split(1):
                with torch.enable_grad():
                    logits = model(input_ids=ids, use_cache=False).logits
                    F.cross_entropy(logits[0, :-1].float(), ids[0, 1:], reduction="sum").backward()
    finally:
        for hook in hooks:
            hook.remove()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(required[name])
            parameter.grad = None
    for name, gradients in sums.items():
        if not gradients.squared.isfinite().all():
            raise PrunebenchError(f"the loss's gradient by {name} is not finite in {linears[name].weight.dtype}")
    return sums


def _accumulate(
    view: LinearView, sums: WeightGradients | TaylorGradients, tokens: int
) -> torch.utils.hooks.RemovableHandle:
    """Add each sample's gradient of a weight to its sums as soon as it is there, and let it go."""
    parameter = view.module.get_parameter("weight").requires_grad_(True)

    def add(parameter: Tensor) -> None:
        assert parameter.grad is not None
        gradient = parameter.grad.float().div_(tokens).to(sums.squared.device)
        sums.add(gradient.T if view.transposed else gradient)
        parameter.grad = None

    return parameter.register_post_accumulate_grad_hook(add)
