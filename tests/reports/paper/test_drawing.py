"""The curves of a paper's figures."""

from dataclasses import replace
from math import inf, isnan
from pathlib import Path

import pytest

from prunebench.config.paper import load_paper
from prunebench.reports.paper.curves import PlottedCurves
from prunebench.reports.paper.drawing import draw, plot_figures
from prunebench.reports.paper.measured import Measured
from prunebench.reports.source import Source
from tests.reports.paper.small import write_paper, write_run


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source.read(*write_run(tmp_path))


@pytest.fixture
def plotted(tmp_path: Path, source: Source) -> PlottedCurves:
    folder = write_paper(tmp_path / "small")
    return plot_figures(load_paper(folder), folder, Measured(source))[0]


def test_the_published_curve_is_dashed_beside_ours_on_a_log_axis(plotted: PlottedCurves, source: Source) -> None:
    (axes,) = draw(source, plotted).axes
    ours, published = axes.get_lines()
    assert (list(ours.get_xdata()), list(ours.get_ydata())) == ([50, 70], [25.0, 3e8])
    assert (list(published.get_xdata()), list(published.get_ydata())) == ([50], [20.0])
    assert (ours.get_linestyle(), published.get_linestyle()) == ("-", "--")
    assert ours.get_color() == published.get_color()
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize("absurd", [1e12, inf])
def test_an_absurd_perplexity_is_drawn_at_the_edge(absurd: float, plotted: PlottedCurves, source: Source) -> None:
    ((curve,),) = plotted.panels
    changed = replace(plotted, panels=((replace(curve, ours=[25.0, absurd]),),))
    (axes,) = draw(source, changed).axes
    bottom, top = axes.get_ylim()
    assert list(axes.get_lines()[0].get_ydata()) == [25.0, 1e9]
    assert bottom < 20 < 1e9 < top
    assert "cut" in axes.get_ylabel()


def test_levels_without_a_number_are_nan(plotted: PlottedCurves) -> None:
    ((curve,),) = plotted.panels
    assert isnan(curve.published[1])  # NA in the paper
    assert plotted.has_published
