"""The pruning loop: block by block, each seeing what the already pruned blocks before it produce.

The protocol of Wanda and SparseGPT: per block, one forward of the still dense block gathers the
statistics of every linear, all linears are pruned, one forward of the pruned block makes the next
block's inputs. Between blocks it is sequential, inside a block it is not.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from prunebench.engine.capture import BlockCall, capture_block_calls
from prunebench.engine.statistics import InputStatistics
from prunebench.models.architectures import architecture_of
from prunebench.models.linear import LinearView, block_linears
from prunebench.models.placement import on_device

# Called once per linear with its input statistics; changes the layer in place.
PruneLinear = Callable[[LinearView, InputStatistics], None]
# Called once per block, with its number and the statistics of every linear's input by the linear's name.
VisitBlock = Callable[[int, dict[str, InputStatistics]], None]
# Called after each block with (blocks done, blocks in all).
Progress = Callable[[int, int], None]

_BATCH_TOKENS = 2048  # short calibration sequences are batched up to this many tokens per forward


def prune_blocks(
    model: nn.Module,
    calibration: Tensor,
    needs: Sequence[str],
    prune_linear: PruneLinear,
    device: torch.device,
    progress: Progress,
) -> None:
    """Prune every linear of every decoder block of `model`, in place; for the arguments see `visit_blocks`."""
    blocks = block_linears(model)

    def prune(index: int, statistics: dict[str, InputStatistics]) -> None:
        for linear in [linear for group in blocks[index] for linear in group]:
            prune_linear(linear, statistics[linear.name])

    visit_blocks(model, calibration, needs, prune, device, progress)


@torch.no_grad()
def visit_blocks(
    model: nn.Module,
    calibration: Tensor,
    needs: Sequence[str],
    visit: VisitBlock,
    device: torch.device,
    progress: Progress,
    dense: bool = False,
    count: int | None = None,
) -> None:
    """Go through the decoder blocks with calibration data; `visit` may change the block it is called for.

    Args:
        calibration: (samples, tokens) token ids.
        needs: statistics to gather; with none, the data never runs through the model.
        device: blocks move there one at a time and back, so peak device memory is one block, its
            statistics and the activations.
        dense: each block sees what the blocks before it gave as they were, not as `visit` left them.
        count: only the first so many blocks; None for all.
    """
    blocks = [block for _, block in architecture_of(model).blocks(model)][:count]
    batches = calibration_batches(calibration) if needs else ()
    captured = [capture_block_calls(model, blocks, ids) for ids in batches]
    hidden = [first.to(device) for first, _ in captured]

    for index, (block, groups) in enumerate(zip(blocks, block_linears(model)[:count], strict=True)):
        calls = [block_calls[index] for _, block_calls in captured]
        with on_device(block, device):
            statistics, outputs = gather(block, groups, calls, hidden, needs, dense)
            visit(index, statistics)
            if index + 1 < len(blocks):
                for batch, call in enumerate(calls):
                    hidden[batch] = outputs[batch] if dense else call.run(block, hidden[batch])
        progress(index + 1, len(blocks))


def calibration_batches(calibration: Tensor) -> Sequence[Tensor]:
    """The samples (samples, tokens) as they are run together."""
    return calibration.split(max(1, _BATCH_TOKENS // calibration.shape[1]))


def gather(
    block: nn.Module,
    groups: list[list[LinearView]],
    calls: list[BlockCall],
    hidden: list[Tensor],
    needs: Sequence[str],
    keep_outputs: bool,
) -> tuple[dict[str, InputStatistics], list[Tensor]]:
    """One forward of the block over all batches: the statistics by linear, and what the block gave, if it is kept."""
    statistics = [InputStatistics(needs, group[0].after_norm) for group in groups]
    batch_size = 0

    def listener(inputs: InputStatistics) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        # The batch size comes from the loop below: OPT flattens fc1's input to 2-D, so x cannot tell it.
        return lambda module, args: inputs.update(args[0], batch_size)

    # The first linear of a group listens for all of them: they read the same tensor.
    hooks = [
        group[0].module.register_forward_pre_hook(listener(inputs))
        for group, inputs in zip(groups, statistics, strict=True)
    ]
    outputs = []
    try:
        for states, call in zip(hidden, calls, strict=True):
            batch_size = len(states)
            output = call.run(block, states)
            if keep_outputs:
                outputs.append(output)
    finally:
        for hook in hooks:
            hook.remove()
    named = {linear.name: inputs for group, inputs in zip(groups, statistics, strict=True) for linear in group}
    return named, outputs
