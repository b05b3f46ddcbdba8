"""How large a model is: what its costs follow from, known before a byte of it is fetched."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from prunebench.config.strict import Strict

Positive = Annotated[int, Field(gt=0)]


class Shape(Strict):
    """The sizes of a decoder whose blocks are alike; biases and norms, under a thousandth of it, are left out.

    Attributes:
        blocks: decoder blocks.
        hidden, ffn: widths of the hidden states and of the MLP.
        heads, kv_heads: query heads, and those of keys and values (None = as many).
        head_size: channels of a head; None = hidden / heads.
        vocabulary: rows of the embeddings.
        positions: tokens that the model can read at once.
        gated: the MLP has a gate beside the matrix upwards.
        tied: the head is the embeddings.
        learned_positions: positions have embeddings, too.
    """

    blocks: Positive
    hidden: Positive
    ffn: Positive
    heads: Positive
    kv_heads: Positive | None = None
    head_size: Positive | None = None
    vocabulary: Positive
    positions: Positive = 2048
    gated: bool = False
    tied: bool = False
    learned_positions: bool = False

    @cached_property
    def width(self) -> int:
        """Channels of all query heads."""
        return self.heads * (self.head_size or self.hidden // self.heads)

    @cached_property
    def groups(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """Of one block, each tensor that linears read: its channels, and the outputs of those linears."""
        keys = self.width * (self.kv_heads or self.heads) // self.heads
        return (
            (self.hidden, (self.width, keys, keys)),
            (self.width, (self.hidden,)),
            (self.hidden, (self.ffn,) * (2 if self.gated else 1)),
            (self.ffn, (self.hidden,)),
        )

    @cached_property
    def weights(self) -> int:
        """Of all linears in decoder blocks, which are what is pruned."""
        return self.blocks * sum(inputs * sum(outputs) for inputs, outputs in self.groups)

    @cached_property
    def inputs(self) -> int:
        """Channels that the linears of all blocks read, those that several read counted once."""
        return self.blocks * sum(inputs for inputs, _ in self.groups)

    @cached_property
    def head(self) -> int:
        """Weights of the head."""
        return self.vocabulary * self.hidden

    @cached_property
    def parameters(self) -> int:
        """All of them, tied ones once."""
        positions = self.positions * self.hidden if self.learned_positions else 0
        return self.weights + self.head * (1 if self.tied else 2) + positions
