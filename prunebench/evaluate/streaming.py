"""Models larger than the device: what is around the decoder blocks stays there, each block comes when it is called."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from prunebench.engine.capture import BlockCall, capture_block_calls, forwards_replaced, hidden_of
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.placement import on_device

_ROOM = 0.8  # of the free device memory may go to weights; activations and logits need the rest
_PASS_ROOM = 0.5  # of the device memory that is free then may go to windows that go through the blocks together
_PASS_TOKENS = 2**18  # so many tokens do on the CPU


def place(model: nn.Module, device: torch.device, whole: bool = False) -> nn.Module:
    """The model, ready to run on `device`: there, or streamed where it does not fit (unless `whole`)."""
    if device.type == "cuda" and not whole:
        weights = sum(parameter.nbytes for parameter in model.parameters())
        if weights > _ROOM * torch.cuda.mem_get_info(device)[0]:
            stream(model, device)
            return model
    return model.to(device)


def stream(model: nn.Module, device: torch.device) -> None:
    """Put all but the blocks on `device`, and let each block visit it whenever it is called.

    The same operations run on the same device as if the model were there, so the same bits are expected.
    """
    blocks = _blocks(model)
    inside = {module for block in blocks for module in block.modules()}
    for module in model.modules():
        if inside.isdisjoint(module.modules()):
            module.to(device)
    for block in blocks:
        block.forward = _Visit(block, device)


def is_streamed(model: nn.Module) -> bool:
    """Whether `stream` has been at it."""
    return any(isinstance(vars(block).get("forward"), _Visit) for block in _blocks(model))


class _Visit:
    """The forward of a block that is on the device for that long only."""

    def __init__(self, block: nn.Module, device: torch.device) -> None:
        self._block, self._device = block, device

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with on_device(self._block, self._device, changes=False):
            return type(self._block).forward(self._block, *args, **kwargs)


def window_logits(model: nn.Module, windows: Tensor) -> Iterator[Tensor]:
    """The logits (tokens, vocabulary) of each window, one at a time.

    Of a streamed model, many windows go through one block before the next one comes: it moves once for all of them.

    Args:
        windows: (n, tokens) token ids, on the model's device.
    """
    if not is_streamed(model):
        for window in windows:
            yield _logits(model, window)
        return
    blocks = _blocks(model)
    for together in windows.split(_windows_of_a_pass(model, blocks, windows)):
        states: list[Any] = []  # of each window one: what a block gives takes the place of what it was given
        calls: list[list[BlockCall]] = []
        for window in together:
            state, of_blocks = capture_block_calls(model, blocks, window[None])
            states.append(state)
            calls.append(of_blocks)
        del state
        for index, block in enumerate(blocks):
            with on_device(block, windows.device, changes=False):
                for number, of_blocks in enumerate(calls):
                    states[number] = of_blocks[index].output(block, hidden_of(states[number]))
        for window, last in zip(together, states, strict=True):
            # Whatever the blocks are given: the last of them gives what it gave.
            with forwards_replaced(blocks, lambda *_, last=last, **__: last):
                yield _logits(model, window)


def _windows_of_a_pass(model: nn.Module, blocks: list[nn.Module], windows: Tensor) -> int:
    """How many windows go through the blocks together: on a GPU by what one of them keeps there meanwhile."""
    free = _free_bytes(windows.device)
    if free is None:
        return max(1, _PASS_TOKENS // windows.shape[1])
    first, calls = capture_block_calls(model, blocks, windows[:1])
    tensors = [
        leaf for leaf in tree_leaves((first, [(call.args, call.kwargs) for call in calls])) if isinstance(leaf, Tensor)
    ]
    kept = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return max(1, int(_PASS_ROOM * free / sum(kept.values())))


def _free_bytes(device: torch.device) -> int | None:
    """What can be allocated on a GPU; None on the CPU."""
    if device.type != "cuda":
        return None
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + cached


def _logits(model: nn.Module, window: Tensor) -> Tensor:
    return model(input_ids=window[None], use_cache=False).logits[0]


def _blocks(model: Any) -> list[nn.Module]:
    return [block for _, block in ARCHITECTURES[model.config.model_type].blocks(model)]
