"""The dense model block by block, for methods that change the whole model."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from prunebench.engine.capture import capture_block_calls
from prunebench.models.architectures import architecture_of

_BATCH_TOKENS = 2048


@torch.no_grad()
def block_calls(model: nn.Module, calibration: Tensor) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """For each decoder block in turn what it reads and what it gives.

    Args:
        calibration: (samples, tokens) token ids.

    Yields:
        Two lists with one (batch, tokens, hidden) tensor per batch. The caller may change the block before it asks
        for the next, which then reads what the block gave before.
    """
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    batches = calibration.to(next(model.parameters()).device).split(max(1, _BATCH_TOKENS // calibration.shape[1]))
    captured = [capture_block_calls(model, blocks, ids) for ids in batches]
    hidden = [first for first, _ in captured]
    for index, block in enumerate(blocks):
        outputs = [calls[index].run(block, x) for x, (_, calls) in zip(hidden, captured, strict=True)]
        yield hidden, outputs
        hidden = outputs
