"""Amounts of what takes time, counted without looking at a machine; `rates` says what they take on one."""

from dataclasses import dataclass, fields

from prunebench.config.shape import Shape


@dataclass(frozen=True)
class Work:
    """Amounts that add up.

    Attributes:
        products, single, double: FLOPs of matrix products in the model's dtype, in fp32 and in fp64, two per
            multiplication and addition.
        decompositions: FLOPs of Cholesky factors and eigenvectors.
        launches: forwards of one block; each costs time whatever it computes.
        reads: weights read from memory by forwards.
        elements: numbers that elementwise passes go over, once for each pass.
        selected: weights that are ranked.
        stored: bytes to or from a disk.
        seconds: what depends on none of these.
    """

    products: float = 0.0
    single: float = 0.0
    double: float = 0.0
    decompositions: float = 0.0
    launches: float = 0.0
    reads: float = 0.0
    elements: float = 0.0
    selected: float = 0.0
    stored: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(*(getattr(self, name) + getattr(other, name) for name in _AMOUNTS))

    def __mul__(self, times: float) -> "Work":
        return Work(*(getattr(self, name) * times for name in _AMOUNTS))


_AMOUNTS = tuple(field.name for field in fields(Work))
NOTHING = Work()


@dataclass(frozen=True)
class CellWork:
    """Of one kind of job on one cell.

    Attributes:
        own: what its record counts, but for what is shared.
        around: what each cell takes and no record counts: copies, comparing, the patch.
        shared: found out about the dense model once per job, and part of every cell's recorded seconds.
        once: what a job takes once and no record counts.
    """

    own: Work
    around: Work
    shared: Work = NOTHING
    once: Work = NOTHING


BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

_LOG_SOFTMAX_PASSES = 3  # over logits, in fp32
_BATCH_TOKENS = 2048  # of a forward over calibration data, as in engine.sequential


def forward(shape: Shape, sequences: float, tokens: float, logits: float = 0.0, batch: float = 1.0) -> Work:
    """The model reads sequences.

    Args:
        tokens: of each; all pairs of them are counted in attention, masked or not.
        logits: positions of each that the head is applied to, with a log-softmax.
        batch: sequences read together.
    """
    passes = sequences / batch
    attention = 4.0 * shape.blocks * shape.width * tokens * tokens
    return Work(
        products=sequences * (2.0 * shape.weights * tokens + attention + 2.0 * shape.head * logits),
        launches=passes * shape.blocks,
        reads=passes * shape.weights,
        elements=sequences * logits * shape.vocabulary * _LOG_SOFTMAX_PASSES,
    )


def through_blocks(shape: Shape, samples: int, tokens: int) -> Work:
    """Calibration data goes through all blocks once, several sequences together; the head stays out."""
    return forward(shape, samples, tokens, batch=max(1, min(samples, _BATCH_TOKENS // tokens)))


def backward(shape: Shape, sequences: int, tokens: int, weights: bool = True) -> Work:
    """Forward and backward of the loss, a sequence at a time.

    Backward is twice a forward, and half of that where no weight gets a gradient and only inputs do.
    """
    return forward(shape, sequences, tokens, logits=tokens) * (3.0 if weights else 2.0)


def grams(shape: Shape, rows: int) -> Work:
    """X^T X of what each linear reads, in fp32, over so many tokens; linears with one input share it."""
    return Work(single=shape.blocks * sum(2.0 * rows * inputs**2 for inputs, _ in shape.groups))
