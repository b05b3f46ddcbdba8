"""How alike attention heads are: the Jensen-Shannon distance of what they attend to, over the calibration data."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from prunebench.engine.sequential import Progress, visit_blocks
from prunebench.errors import PrunebenchError
from prunebench.models.units import UnitModule, unit_modules

_ROUNDING = 1e-2  # of 16-bit probabilities, which sum to 1 over up to thousands of keys


class HeadDistances:
    """The mean Jensen-Shannon distance of every two heads of one attention module, gathered sample by sample.

    Li, Dong and Lei, Greedy Output Approximation, arXiv 2407.19126, eq. 1: the mean over all rows (samples times
    queries) of sqrt(KL(P||M)/2 + KL(Q||M)/2) with M = (P + Q)/2 and natural logarithms.
    """

    def __init__(self, heads: int) -> None:
        self._sums = torch.zeros(heads, heads, dtype=torch.float64)
        self._rows = 0

    def update(self, probabilities: Tensor) -> None:
        """Count more samples.

        Args:
            probabilities: (samples, heads, queries, keys), as many keys as queries; what each query attends to.

        Raises:
            PrunebenchError: a row does not sum to 1, or a query attends to what comes after it.
        """
        for sample in probabilities.float():
            if not torch.allclose(sample.sum(-1), sample.new_ones(()), atol=_ROUNDING):
                raise PrunebenchError("attention probabilities do not sum to 1, so heads cannot be compared")
            if sample.triu(1).any():
                raise PrunebenchError("a query attends to tokens after it: the attention mask is wrong")
            # KL(P||M)/2 + KL(Q||M)/2 = H(M) - (H(P) + H(Q))/2, one logarithm for each element of M.
            entropy = torch.special.entr(sample).sum(-1)
            for head in range(len(sample) - 1):
                others = slice(head + 1, None)
                mixture = torch.special.entr((sample[head] + sample[others]) / 2).sum(-1)
                divergence = mixture - (entropy[head] + entropy[others]) / 2
                mean = divergence.clamp_min(0).sqrt().double().sum(-1).cpu()  # below 0 by rounding only
                self._sums[head, others] += mean
                self._sums[others, head] += mean
            self._rows += sample.shape[1]

    @property
    def mean(self) -> Tensor:
        """(heads, heads) fp64, symmetric, 0 on the diagonal."""
        return self._sums / max(self._rows, 1)


def unit_distances(heads: Tensor, heads_per_unit: int) -> Tensor:
    """Distances of the units that can be removed: key-value heads with the query heads that read them.

    A group is as far from another as each of its heads is, on average, from the nearest of the other's; the two ways
    round are averaged. With one head per unit this is the distance of the heads.

    Args:
        heads: (heads, heads), symmetric.

    Returns:
        (units, units), symmetric, 0 on the diagonal.
    """
    units = len(heads) // heads_per_unit
    blocks = heads.view(units, heads_per_unit, units, heads_per_unit)
    nearest = blocks.amin(3).mean(1)
    return (nearest + nearest.T) / 2


def attention_distances(model: Any, calibration: Tensor, device: torch.device, progress: Progress) -> dict[str, Tensor]:
    """The distances of the units of every attention module of a dense model, by the module's name.

    Args:
        calibration: (samples, tokens) token ids.

    Returns:
        (units, units) fp64, see `unit_distances`, of what `head_distances` gives.
    """
    modules = [module for block in unit_modules(model) for module in block if module.kind == "attention"]
    heads = head_distances(model, calibration, range(len(modules)), device, progress)
    return {module.name: unit_distances(heads[index], module.heads_per_unit) for index, module in enumerate(modules)}


def head_distances(
    model: Any, calibration: Tensor, blocks: Collection[int], device: torch.device, progress: Progress
) -> dict[int, Tensor]:
    """The distances of the attention heads of some blocks, by the block's number; no block after them is computed.

    The model computes its attention plainly meanwhile, with the masks it makes itself for that: of a fused kernel
    there would be no probabilities, and a mask made for one (often none) would let queries see the future here.

    Args:
        calibration: (samples, tokens) token ids, where the model is.
        blocks: their numbers, from 0.

    Returns:
        (heads, heads) fp64, see `HeadDistances`.
    """
    modules = {
        index: module
        for index, block in enumerate(unit_modules(model))
        for module in block
        if module.kind == "attention" and index in blocks
    }
    gathered = {module.name: HeadDistances(module.units * module.heads_per_unit) for module in modules.values()}
    if not modules:
        return {}
    count = max(modules) + 1
    with _plain_attention(model), _listening(list(modules.values()), gathered):
        visit_blocks(model, calibration, ["input_mean"], lambda index, statistics: None, device, progress, True, count)
    return {index: gathered[module.name].mean for index, module in modules.items()}


@contextmanager
def _plain_attention(model: Any) -> Iterator[None]:
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextmanager
def _listening(modules: Sequence[UnitModule], gathered: dict[str, HeadDistances]) -> Iterator[None]:
    def listener(name: str) -> Any:
        def hear(module: nn.Module, args: Any, output: Any) -> None:
            probabilities = output[1] if isinstance(output, tuple) and len(output) > 1 else None
            if not isinstance(probabilities, Tensor) or probabilities.dim() != 4:
                raise PrunebenchError(f"{name} does not give its attention probabilities, so heads cannot be compared")
            gathered[name].update(probabilities)

        return hear

    hooks = [module.owner.register_forward_hook(listener(module.name)) for module in modules]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
