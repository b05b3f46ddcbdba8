"""Two copies of a model go through the calibration data side by side: as it was, and as it has become by then."""

import copy
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prunebench.engine.capture import BlockCall, capture_block_calls
from prunebench.engine.sequential import Progress, calibration_batches, gather
from prunebench.engine.statistics import InputStatistics
from prunebench.models.architectures import architecture_of
from prunebench.models.linear import LinearView, block_linears
from prunebench.models.placement import on_device


@dataclass(frozen=True)
class PairedGrams:
    """Of one linear, fp32, summed over tokens: X what it reads in the dense model, Z what it reads now.

    Attributes:
        now: (in, in) Z^T Z.
        cross: (in, in) Z^T X.
    """

    now: Tensor
    cross: Tensor


class BlockPair:
    """One block, which may be changed, beside itself as it was; each fed by what came before it in its own model."""

    def __init__(
        self, block: nn.Module, groups: list[list[LinearView]], calls: list[BlockCall], states: list["States"]
    ) -> None:
        self.dense = copy.deepcopy(block)
        self._block, self._groups, self._calls, self._states = block, groups, calls, states
        names = {id(module): name for name, module in block.named_modules()}
        self._names = {view.name: names[id(view.module)] for group in groups for view in group}

    def grams(self, linears: Sequence[LinearView]) -> dict[str, PairedGrams]:
        """What linears that read the same tensor read in both, by name; of those, one is listened to."""
        name = self._names[linears[0].name]
        sums: list[Tensor] = []
        for states, call in zip(self._states, self._calls, strict=True):
            x, z = _read(self.dense, name, call, states.dense), _read(self._block, name, call, states.now)
            products = [z.T @ z, z.T @ x]
            sums = [a + b for a, b in zip(sums, products, strict=True)] if sums else products
        return {view.name: PairedGrams(*sums) for view in linears}

    def statistics(self, needs: Sequence[str], linears: Collection[str]) -> dict[str, InputStatistics]:
        """Of the inputs of some linears in the block as it is now, by name; what reads the same comes with them.

        With no needs they are empty, and the data does not run through the block.
        """
        calls, hidden = (self._calls, [states.now for states in self._states]) if needs else ([], [])
        groups = [group for group in self._groups if any(view.name in linears for view in group)]
        return gather(self._block, groups, calls, hidden, needs, False)[0]

    def advance(self) -> None:
        """Both go on to the next block."""
        for states, call in zip(self._states, self._calls, strict=True):
            states.dense, states.now = call.run(self.dense, states.dense), call.run(self._block, states.now)


class _Heard(Exception):
    """Ends the forward of a block: what was to be heard was."""


def _read(block: nn.Module, name: str, call: BlockCall, states: Tensor) -> Tensor:
    """What one linear of a block reads (batch * tokens, in), fp32; nothing after it is computed."""
    heard: list[Tensor] = []

    def hear(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        heard.append(args[0].reshape(-1, args[0].shape[-1]).float())
        raise _Heard

    hook = block.get_submodule(name).register_forward_pre_hook(hear)
    try:
        with suppress(_Heard):
            call.run(block, states)
    finally:
        hook.remove()
    return heard[0]


@dataclass
class States:
    """The hidden states (batch, tokens, hidden) of one batch in the two models."""

    dense: Tensor
    now: Tensor


@torch.no_grad()
def visit_pairs(
    model: nn.Module,
    calibration: Tensor,
    visit: Callable[[int, BlockPair], None],
    device: torch.device,
    progress: Progress,
) -> None:
    """Go through the decoder blocks; `visit` may change the block it is called for.

    Args:
        calibration: (samples, tokens) token ids.
        device: blocks move there one at a time and back.
    """
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    captured = [capture_block_calls(model, blocks, ids) for ids in calibration_batches(calibration)]
    states = [States(first.to(device), first.to(device)) for first, _ in captured]
    for index, (block, groups) in enumerate(zip(blocks, block_linears(model), strict=True)):
        with on_device(block, device):
            pair = BlockPair(block, groups, [calls[index] for _, calls in captured], states)
            visit(index, pair)
            if index + 1 < len(blocks):
                pair.advance()
        progress(index + 1, len(blocks))
