"""A paper's figures with their numbers, each kind drawn in its own way."""

from pathlib import Path

from matplotlib.figure import Figure as Drawing

from prunebench.config.paper import Paper
from prunebench.config.paper_figures import AnyFigure, Figure
from prunebench.config.paper_internals import EcdfFigure
from prunebench.reports.paper.curves import plot_curves
from prunebench.reports.paper.ecdf import plot_ecdf
from prunebench.reports.paper.framing import Plotted
from prunebench.reports.paper.graph import plot_graph
from prunebench.reports.paper.measured import Measured
from prunebench.reports.source import Source


def plot_figures(paper: Paper, folder: Path, measured: Measured) -> list[Plotted]:
    """All figures of the paper with their numbers."""
    return [_plot(name, figure, paper, folder, measured) for name, figure in paper.figures.items()]


def _plot(name: str, figure: AnyFigure, paper: Paper, folder: Path, measured: Measured) -> Plotted:
    if isinstance(figure, Figure):
        return plot_curves(name, figure, paper, folder, measured)
    if isinstance(figure, EcdfFigure):
        return plot_ecdf(name, figure, paper, measured)
    return plot_graph(name, figure, paper, measured)


def draw(source: Source, plotted: Plotted, ink: str = "black") -> Drawing:
    """The figure; to be called under `reports.drawing.STYLE`."""
    return plotted.draw(source, ink)
