"""What is inside of a model: the spectra of its FFN matrices, and how alike its attention heads are."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from prunebench.config.protocols import Internals
from prunebench.engine.attention import head_distances
from prunebench.engine.spectra import singular_values
from prunebench.errors import NotApplicable, PrunebenchError
from prunebench.evaluate.mode import evaluating
from prunebench.models.units import OUT, UnitModule, unit_modules
from prunebench.results.expected import HEAD_DISTANCE, SINGULAR_VALUE, Pair, block_name
from prunebench.results.records import Measurement

_ROLES = {"up": "up", "down": OUT}  # FFN1 and FFN2, by the names they have in datasets


def internals(
    model: nn.Module, wanted: Collection[Pair], settings: Internals, calibration: Tensor | None
) -> list[Measurement]:
    """Look at some blocks of a model, which is left as it was.

    Args:
        wanted: which of the settings' blocks, as pairs of metric and block (`results.expected.block_pairs`).
        calibration: (samples, tokens) token ids for the heads; None if no heads are wanted.

    Returns:
        `singular_value` of `block0.up@0.25` is the smallest of that matrix that at least a quarter of them do not
        exceed; `head_distance` of `block4:0-3` is that of heads 0 and 3 of those the block still has. Blocks that the
        model lacks are left out, and the others keep the number they are asked for with.

    Raises:
        NotApplicable: the blocks are no longer built as the architecture's are.
    """
    try:
        blocks = unit_modules(model)
    except PrunebenchError as error:
        raise NotApplicable(f"the blocks have other matrices than the architecture's: {error}") from None

    def chosen(metric: str, numbers: Sequence[int]) -> dict[str, int]:
        """The block's place in the model, by the name of the block."""
        there = {block_name(number): number % len(blocks) for number in numbers if _is_there(number, len(blocks))}
        return {name: place for name, place in there.items() if (metric, name) in wanted}

    device = next(model.parameters()).device  # of a streamed model's parts that stay
    found = _spectra(blocks, chosen(SINGULAR_VALUE, settings.spectra), settings.ecdf_steps, device)
    if heads := chosen(HEAD_DISTANCE, settings.heads):
        if calibration is None:
            raise ValueError("attention heads are compared on calibration tokens, which the context lacks")
        found += _distances(model, heads, calibration, device)
    return found


def _is_there(number: int, blocks: int) -> bool:
    return -blocks <= number < blocks


def _spectra(
    blocks: Sequence[Sequence[UnitModule]], places: Mapping[str, int], steps: int, device: torch.device
) -> list[Measurement]:
    return [
        Measurement(metric=SINGULAR_VALUE, dataset=f"{name}.{matrix}@{share}", value=value)
        for name, place in places.items()
        for mlp in blocks[place]
        if mlp.kind == "mlp"
        for matrix, role in _ROLES.items()
        # Without the units' own axis; an exit comes transposed, which does not matter to its spectrum.
        for share, value in _ecdf(mlp.tensor(role).weight.flatten(0, 1).to(device), steps)
    ]


@torch.no_grad()
def _ecdf(matrix: Tensor, steps: int) -> list[tuple[str, float]]:
    """The shares 0, 1/steps, ..., 1 as text, each with the smallest singular value that so many do not exceed."""
    values = singular_values(matrix).tolist()
    # In whole numbers, since 0.3 * 10 is not 3.
    places = [max(-(-step * len(values) // steps), 1) - 1 for step in range(steps + 1)]
    return [(f"{step / steps:g}", values[place]) for step, place in enumerate(places)]


def _distances(
    model: nn.Module, places: Mapping[str, int], calibration: Tensor, device: torch.device
) -> list[Measurement]:
    with evaluating(model):
        matrices = head_distances(model, calibration.to(device), [*places.values()], device, lambda done, total: None)
    return [
        Measurement(metric=HEAD_DISTANCE, dataset=f"{name}:{one}-{other}", value=float(matrices[place][one, other]))
        for name, place in places.items()
        for one, other in combinations(range(len(matrices[place])), 2)
    ]
