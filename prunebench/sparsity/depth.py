"""How many whole blocks make up a target."""

from collections.abc import Sequence
from itertools import accumulate

from transformers import PreTrainedModel

from prunebench.errors import NotApplicable
from prunebench.models.architectures import Architecture, architecture_of
from prunebench.models.linear import block_weights
from prunebench.targets import Target


def block_sizes(model: PreTrainedModel) -> tuple[Architecture, list[int]]:
    """The architecture and the weights in the matrices of each decoder block.

    Raises:
        NotApplicable: the model's attention depends on the number of its block, so that no block can move up.
    """
    if getattr(model.config, "scale_attn_by_inverse_layer_idx", False):
        raise NotApplicable("each block scales its attention by its own number, so blocks cannot be dropped")
    return architecture_of(model), block_weights(model)


def nearest_count(sizes: Sequence[int], target: Target) -> int:
    """How many blocks, taken in this order, come nearest to the target's share of the weights of all.

    Raises:
        NotApplicable: none does, or only all of them would.
    """
    wanted = target.sparsity * sum(sizes)
    removed = [0, *accumulate(sizes)]
    count = min(range(len(sizes) + 1), key=lambda n: abs(removed[n] - wanted))
    if count in (0, len(sizes)):
        raise NotApplicable(
            f"{target.label} of {len(sizes)} blocks is nearest to {'none' if count == 0 else 'all'} of them"
        )
    return count
