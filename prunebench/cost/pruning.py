"""The work of pruning one cell, by the kind of method and what it needs."""

from collections.abc import Sequence
from math import log10

from prunebench.config.shape import Shape
from prunebench.cost.usage import Usage
from prunebench.cost.work import NOTHING, CellWork, Work, backward, forward, grams, through_blocks
from prunebench.plugins.variants import Recovery
from prunebench.sweeps.keys import VALIDATION_ROWS
from prunebench.targets import Target

# Elementwise passes over the weights, in the terms of `Work.elements`.
_SCORE = 3  # to fp32, a saliency, the mask
_UPDATE = 4  # of a new weight
_VERIFY = 20  # finite, shapes, zeros and N:M of dense and pruned, bit by bit
_COMPARE = 3  # into a patch
_STATISTIC = {"input_sq_norm": 3, "input_mean": 1, "input_var": 3}  # passes over what linears read
_OF_STATES = 3  # of what blocks read, by whole-model methods
_ATTENTION = 25  # entropy of one pair of heads, an element of the attention matrix
# A loop over the columns of a weight, as in SparseGPT: so many launches each, and half a block of 128 rows.
_COLUMN, _COLUMN_ROWS = 0.1, 64
_EIGENVECTORS, _FACTOR = 9.0, 4 / 3  # times n^3: eigh; a Cholesky factor with a triangular solve
_SANDBOX_SECONDS = 5.0  # a process of its own, with torch, for each cell
_SANDBOX_COPIES = 3  # of fp32 weights, through files


def prune_work(usage: Usage, shape: Shape, target: Target, samples: int, tokens: int, dtype_bytes: int) -> CellWork:
    """Of one cell.

    Args:
        samples, tokens: the calibration sequences and their length.
    """
    shared, own = _CELL[usage.kind](usage, shape, target, samples, tokens)
    if usage.framework.data == "self":
        together = min(samples, 16)
        step = forward(shape, 1, together, logits=together)
        shared += step * (tokens * samples / together)
    own += Work(elements=shape.parameters + _VERIFY * shape.weights)
    if usage.framework.recovery is not None:
        own += _fine_tuning(shape, usage.framework.recovery, tokens)
    if usage.sandboxed:
        own += Work(stored=4.0 * _SANDBOX_COPIES * shape.weights, seconds=_SANDBOX_SECONDS)
    size = patch_bytes(usage, shape, target, dtype_bytes)
    return CellWork(own, Work(elements=_COMPARE * shape.parameters, stored=size), shared)


def patch_bytes(usage: Usage, shape: Shape, target: Target, dtype_bytes: int) -> float:
    """Of one cell's patch: a bit for each weight, and values where kept ones have moved or matrices have shrunk."""
    if target.pattern == "dense":
        return 0.0
    left = (1 - target.sparsity) * shape.weights * dtype_bytes
    if usage.kind == "model":
        # What is factored or rotated is stored whole, embeddings included; dropped blocks are a list of numbers.
        return left + shape.head * dtype_bytes if usage.decomposes else 0.0
    if usage.framework.recovery is not None:
        return left + shape.weights / 8
    if target.pattern == "structured":
        return left / 2  # only exits, and entrances with other rows than whole ones gone, are stored as values
    moved = usage.kind == "layer" and "gram" in usage.reads.needs
    return shape.weights / 8 + (left if moved else 0.0)


def _scored(usage: Usage, shape: Shape, target: Target, samples: int, tokens: int) -> tuple[Work, Work]:
    needs = [need for need in usage.reads.needs if need != "gradients"]
    shared = _gradients(usage, shape, samples, tokens)
    if usage.framework.allocation == "owl":
        shared += through_blocks(shape, samples, tokens) + _statistics(["input_sq_norm"], shape, samples * tokens)
    elif usage.framework.allocation == "alphapruning":
        shared += _spectra(shape)
    own = Work(elements=_SCORE * shape.weights, selected=0 if target.pattern == "dense" else shape.weights)
    if needs:  # one pass for the statistics, one to propagate
        own += through_blocks(shape, samples, tokens) * 2 + _statistics(needs, shape, samples * tokens)
    return shared, own


def _updated(usage: Usage, shape: Shape, target: Target, samples: int, tokens: int) -> tuple[Work, Work]:
    shared, own = _scored(usage, shape, target, samples, tokens)
    own += Work(elements=usage.rounds * _UPDATE * shape.weights)
    if "gram" in usage.reads.needs:
        linears = [(inputs, out) for inputs, outputs in shape.groups for out in outputs]
        own += Work(
            single=shape.blocks * usage.rounds * sum(float(out) * inputs**2 for inputs, out in linears),
            decompositions=shape.blocks * sum(_FACTOR * inputs**3 for inputs, _ in linears),
            launches=shape.blocks * sum(_COLUMN * inputs for inputs, _ in linears),
            elements=shape.weights * _COLUMN_ROWS,
        )
    return shared, own


def _units(usage: Usage, shape: Shape, target: Target, samples: int, tokens: int) -> tuple[Work, Work]:
    units, rows = usage.framework.units, samples * tokens
    needs = [need for need in usage.reads.needs if need != "gradients"]
    shared = _gradients(usage, shape, samples, tokens)
    if usage.reads.attention:
        pairs = shape.heads * (shape.heads - 1) / 2
        shared += through_blocks(shape, samples, tokens)
        shared += Work(elements=_ATTENTION * shape.blocks * pairs * samples * tokens**2)
    once = through_blocks(shape, samples, tokens)
    passes = once if units.statistics == "dense" else once * 2
    own = Work(elements=_SCORE * shape.weights)
    repair = [need for need in usage.reads.repair if need not in needs]
    if units.allocation == "global":  # scores first, from the dense model; then what is to be repaired
        own += once if needs else NOTHING
        own += passes if usage.reads.repair else NOTHING
    elif needs or repair:
        own += passes
    own += _statistics([*needs, *repair], shape, rows)
    if units.compensation in ("least_squares", "two_step"):
        own += _solves(shape)
    if units.compensation == "two_step":
        # Attention and MLP, their entrances and exits: each is refitted on a pass of either model.
        own += once * 8 + grams(shape, rows) * 2
    return shared, own


def _whole(usage: Usage, shape: Shape, target: Target, samples: int, tokens: int) -> tuple[Work, Work]:
    """The rule for what only the code knows: one pass over the data; where weights are decomposed, the eigenvectors
    of each linear's shorter side in fp64 and two products with them."""
    own = through_blocks(shape, samples, tokens) + Work(elements=_OF_STATES * samples * tokens * shape.inputs)
    if usage.grams:
        own += grams(shape, samples * tokens)
    return NOTHING, own + _spectra(shape) if usage.decomposes else own


_CELL = {"score": _scored, "layer": _updated, "units": _units, "model": _whole}


def _gradients(usage: Usage, shape: Shape, samples: int, tokens: int) -> Work:
    return backward(shape, samples, tokens) if "gradients" in usage.reads.needs else NOTHING


def _statistics(needs: Sequence[str], shape: Shape, rows: int) -> Work:
    passes = sum(_STATISTIC.get(need, 0) for need in needs)
    gathered = Work(elements=float(passes) * rows * shape.inputs)
    return gathered + grams(shape, rows) if "gram" in needs else gathered


def _spectra(shape: Shape) -> Work:
    linears = [(inputs, out) for inputs, outputs in shape.groups for out in outputs]
    return Work(
        double=shape.blocks * sum(4.0 * inputs * out * min(inputs, out) for inputs, out in linears),
        decompositions=shape.blocks * sum(_EIGENVECTORS * min(linear) ** 3 for linear in linears),
    )


def _solves(shape: Shape) -> Work:
    return Work(
        decompositions=shape.blocks * sum(_FACTOR * inputs**3 for inputs, _ in shape.groups),
        single=shape.blocks * sum(2.0 * inputs**2 * sum(outputs) for inputs, outputs in shape.groups),
    )


def _fine_tuning(shape: Shape, recovery: Recovery, tokens: int) -> Work:
    sequences = recovery.samples * recovery.epochs
    # Batches are such that there are 50 steps or fewer, as long as they are of 16 or fewer; the curve has about nine
    # points a power of ten, and one before and one after.
    steps = sequences / min(max(sequences // 50, 1), 16)
    points = 7 + 9 * max(0.0, log10(steps / 10))
    trained = backward(shape, sequences, tokens, weights=False)
    return trained + forward(shape, points * VALIDATION_ROWS, tokens, logits=tokens)
