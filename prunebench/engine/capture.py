"""How a model calls its decoder blocks: recorded, never rebuilt by hand.

A block's arguments (rotary embeddings, masks, cache positions, whatever the next transformers release
adds) come from the model's own forward. Hand-made masks are how a loop silently turns non-causal.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only


class _LastBlockReached(Exception):
    """Ends the recording pass: nothing after the last block matters."""


@dataclass(frozen=True)
class BlockCall:
    """All a model passes to a block besides the hidden states."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def run(self, block: nn.Module, hidden: Tensor) -> Tensor:
        """The block's output hidden states (batch, tokens, hidden) for the input `hidden` of the same shape."""
        return hidden_of(self.output(block, hidden))

    def output(self, block: nn.Module, hidden: Tensor) -> Any:
        """All that the block gives: hidden states, or a tuple that begins with them."""
        args, kwargs = tree_map_only(Tensor, lambda t: t.to(hidden.device), (self.args, self.kwargs))
        return block(hidden, *args, **kwargs)


def hidden_of(output: Any) -> Tensor:
    """The hidden states in what a block gives."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


@torch.no_grad()
def capture_block_calls(model: nn.Module, blocks: list[nn.Module], ids: Tensor) -> tuple[Tensor, list[BlockCall]]:
    """Run the model around its blocks and record how it calls each one; no block is computed.

    Args:
        ids: (batch, tokens) token ids, on any device.

    Returns:
        The first block's input hidden states (batch, tokens, hidden), and one call per block. Calls are
        recorded per block because masks and rotary embeddings may differ between layers (sliding windows).
    """
    first: list[Tensor] = []
    calls: list[BlockCall] = []

    def record(*args: Any, **kwargs: Any) -> Tensor:
        if args:
            hidden, args = args[0], args[1:]
        else:
            hidden = kwargs.pop("hidden_states")
        if not first:
            first.append(hidden)
        calls.append(BlockCall(args, kwargs))
        if len(calls) == len(blocks):
            raise _LastBlockReached
        # Some models take element 0 of a block's output, some the output itself; always returning the
        # whole first tensor suits both, since the next record ignores what it is given.
        return first[0]

    with forwards_replaced(blocks, record), suppress(_LastBlockReached):
        model(input_ids=ids.to(next(model.parameters()).device), use_cache=False)
    return first[0], calls


@contextmanager
def forwards_replaced(blocks: list[nn.Module], forward: Any) -> Iterator[None]:
    """Have `forward` called in place of each block's own."""
    own = [vars(block).get("forward") for block in blocks]
    for block in blocks:
        block.forward = forward
    try:
        yield
    finally:
        for block, before in zip(blocks, own, strict=True):
            del block.forward  # the class's forward is seen again
            if before is not None:
                block.forward = before
