"""What all figures of a paper have in common, whatever is drawn in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from prunebench.config.paper_figures import AnyFigure
from prunebench.reports.drawing import FIGURE_WIDTH
from prunebench.reports.source import Source


class Plotted(Protocol):
    """A figure with its numbers.

    Attributes:
        name: its file name.
        figure: the layout's.
        model: the run's model that is shown, empty if there is none.
        has_published: whether the paper's numbers behind it are known.
        header, lines: the numbers as a table.
    """

    @property
    def name(self) -> str: ...
    @property
    def figure(self) -> AnyFigure: ...
    @property
    def model(self) -> str: ...
    @property
    def has_published(self) -> bool: ...
    @property
    def header(self) -> tuple[str, ...]: ...
    @property
    def lines(self) -> Iterator[tuple[str, ...]]: ...

    def draw(self, source: Source, ink: str) -> Drawing:
        """The figure; to be called under `reports.drawing.STYLE`."""


@dataclass(frozen=True)
class Frame:
    """A title, the paper's model, and the model of the run that is shown for it: empty if there is none."""

    title: str
    asked: str
    shown: str

    def empty(self, source: Source, panels: int, legend: bool = True) -> tuple[Drawing, list[Axes]]:
        """A figure with its title and so many sets of axes, one beside the other; without a legend they are square."""
        height = 2.8 if legend else FIGURE_WIDTH / max(2, panels) + 0.5
        drawing = Drawing(figsize=(FIGURE_WIDTH, height), layout="constrained")
        axes = drawing.subplots(1, panels, sharey=True, squeeze=False)[0]
        drawing.suptitle(literal(f"{self.title}\n{self._model(source)}"))
        return drawing, list(axes)

    def _model(self, source: Source) -> str:
        if self.shown == self.asked:
            return source.title("models", self.asked)
        if not self.shown:
            return f"{self.asked} (not run)"
        return f"{source.title('models', self.shown)} stands in for {self.asked}"


def say_not_run(ax: Axes, words: str = "not run") -> None:
    """Why these axes are empty."""
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center")


def literal(text: str) -> str:
    """Text without formulas, for matplotlib."""
    return text.replace("$", r"\$")


def written(number: float) -> str:
    """A number for a CSV file, to be read back exactly; nothing for NaN."""
    return "" if isnan(number) else repr(number)
