"""Figures of a paper's layout that look inside of a model: distributions of singular values, graphs of alike heads."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from prunebench.config.paper_metrics import Quantity
from prunebench.config.paper_parts import Place, Reference, Token
from prunebench.config.strict import Strict
from prunebench.results.expected import HEAD_DISTANCE, SINGULAR_VALUE, block_name


class BlockPanel(Strict):
    """One set of axes.

    Attributes:
        title: above it.
        block: a decoder block, counted from 0 or, negative, from the last one.
    """

    title: str
    block: int


class Spectrum(Strict):
    """One curve.

    Attributes:
        title: in the legend.
        method, target: of which pruned model.
    """

    title: str
    method: str
    target: Token


class _OfBlocks(Strict):
    """What these figures have in common.

    Attributes:
        title, caption: what the paper calls it and what it shows.
        model: the paper's.
        panels: one beside the other.
    """

    title: str
    caption: str
    model: str
    panels: tuple[BlockPanel, ...] = Field(min_length=1)
    references: ClassVar[tuple[Reference, ...]] = ()  # no paper prints so many numbers


class EcdfFigure(_OfBlocks):
    """Which share of a matrix's singular values lies below each value, by block.

    Attributes:
        matrix: `up` is FFN1, `down` FFN2.
        series: the curves of every panel.
    """

    kind: Literal["ecdf"]
    matrix: Literal["up", "down"] = "up"
    series: tuple[Spectrum, ...] = Field(min_length=1)

    def place(self, panel: BlockPanel, series: Spectrum) -> Place:
        """Where the numbers of a curve stand."""
        quantity = Quantity(SINGULAR_VALUE, f"{block_name(panel.block)}.{self.matrix}")
        return Place(self.model, series.method, series.target, quantity)

    def needed(self) -> Iterator[Place]:
        """What has to be measured for the figure."""
        for panel in self.panels:
            for series in self.series:
                yield self.place(panel, series)


class GraphFigure(_OfBlocks):
    """The attention heads of each block, those joined whose distance is below `tau`.

    Attributes:
        method, target: of which model.
        tau: a Jensen-Shannon distance.
    """

    kind: Literal["graph"]
    method: str = "dense"
    target: Token = "u00"
    tau: Annotated[float, Field(gt=0, lt=1)]

    def place(self, panel: BlockPanel) -> Place:
        """Where the numbers of a panel stand."""
        return Place(self.model, self.method, self.target, Quantity(HEAD_DISTANCE, block_name(panel.block)))

    def needed(self) -> Iterator[Place]:
        """What has to be measured for the figure."""
        yield from map(self.place, self.panels)
