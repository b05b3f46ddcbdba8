"""Distributions of singular values: which share of them lies below each value, block beside block."""

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure as Drawing

from prunebench.config.paper import Paper
from prunebench.config.paper_internals import BlockPanel, EcdfFigure, Spectrum
from prunebench.config.paper_metrics import Quantity
from prunebench.config.standins import shown_methods, shown_models
from prunebench.reports.display import STATUS_WORDS
from prunebench.reports.drawing import PALETTE, dashes_of
from prunebench.reports.paper.framing import Frame, literal, say_not_run, written
from prunebench.reports.paper.measured import Measured
from prunebench.reports.source import Source
from prunebench.results.expected import SINGULAR_VALUE, block_name


@dataclass(frozen=True)
class Distribution:
    """One curve: shares, ascending, and the values that they do not exceed; none if the cell's `status` is not ok."""

    series: Spectrum
    values: tuple[float, ...]
    shares: tuple[float, ...]
    status: str

    @property
    def label(self) -> str:
        """Its title, and why it is not there if it is not."""
        title = self.series.title
        return title if self.values else f"{title} ({STATUS_WORDS.get(self.status, self.status)})"


@dataclass(frozen=True)
class PlottedEcdf:
    """A figure with its numbers: by panel, its curves. `model` is the one shown, empty if there is none."""

    name: str
    figure: EcdfFigure
    model: str
    panels: tuple[tuple[Distribution, ...], ...]

    header = ("panel", "block", "series", "method", "target", "share", SINGULAR_VALUE)
    has_published = False

    @property
    def lines(self) -> Iterator[tuple[str, ...]]:
        """The points as the lines of a table, under `header`."""
        for panel, curves in zip(self.figure.panels, self.panels, strict=True):
            for curve in curves:
                where = panel.title, str(panel.block), curve.series.title, curve.series.method, curve.series.target
                for share, value in zip(curve.shares, curve.values, strict=True):
                    yield *where, written(share), written(value)

    def draw(self, source: Source, ink: str) -> Drawing:
        figure = self.figure
        drawing, axes = Frame(figure.title, figure.model, self.model).empty(source, len(self.panels))
        for ax, panel, curves in zip(axes, figure.panels, self.panels, strict=True):
            for number, curve in enumerate(curves):
                color, dashes = PALETTE[number % len(PALETTE)], dashes_of(number)
                label = literal(curve.label)
                ax.plot(curve.values, curve.shares, color=color, linestyle=dashes, linewidth=1.3, label=label)
            if not any(curve.values for curve in curves):
                say_not_run(ax)
            ax.set_xlabel("singular value")
            ax.set_title(literal(panel.title))
        axes[0].set_ylabel("share not above it")
        named = [ax.get_legend_handles_labels() for ax in axes]
        handles = {label: handle for pair in named for handle, label in zip(*pair, strict=True)}
        drawing.legend([*handles.values()], [*handles], loc="outside right center")
        return drawing


def plot_ecdf(name: str, figure: EcdfFigure, paper: Paper, measured: Measured) -> PlottedEcdf:
    """A figure's numbers."""
    needed = list(figure.needed())
    model = shown_models(needed, measured.models, paper).get(figure.model, "")
    methods = shown_methods(needed, measured.methods, paper)

    def distribution(series: Spectrum, panel: BlockPanel) -> Distribution:
        cell = model, methods.get(series.method, series.method), series.target
        dataset = figure.place(panel, series).quantity.dataset
        found = measured.under(*cell, SINGULAR_VALUE, f"{dataset}@")
        points = sorted((float(share), value.number) for share, value in found.items() if value.number is not None)
        failed = Quantity(SINGULAR_VALUE, block_name(panel.block))  # where a cell without numbers says why
        status = "" if points else measured.value(*cell, failed).status
        return Distribution(series, tuple(value for _, value in points), tuple(share for share, _ in points), status)

    panels = tuple(tuple(distribution(series, panel) for series in figure.series) for panel in figure.panels)
    return PlottedEcdf(name, figure, model, panels)
