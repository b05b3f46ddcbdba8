"""A paper's curves, perplexities on a log axis, the published ones dashed beside ours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from prunebench.config.paper import Paper
from prunebench.config.paper_figures import Figure, Series
from prunebench.config.paper_metrics import PaperMetric
from prunebench.config.standins import shown_datasets, shown_methods, shown_models
from prunebench.reports.drawing import PALETTE
from prunebench.reports.paper.framing import Frame, literal, say_not_run, written
from prunebench.reports.paper.measured import Measured
from prunebench.reports.paper.published import Published, read_published
from prunebench.reports.paper.writing import how_shown
from prunebench.reports.source import Source

_MARKERS = "os^DvP*X"
_HIGHEST = 1e9  # perplexities beyond say no more than "broken"; they are drawn at the upper edge


@dataclass(frozen=True)
class Curve:
    """One series as numbers, NaN where there is none; a perplexity that is not finite is infinite."""

    series: Series
    x: list[float]
    ours: list[float]
    published: list[float]


@dataclass(frozen=True)
class PlottedCurves:
    """A figure with its numbers: by panel, its curves. `model` is the one shown, empty if there is none."""

    name: str
    figure: Figure
    model: str
    panels: tuple[tuple[Curve, ...], ...]

    header = ("panel", "series", "x", "ours", "published")

    @property
    def has_published(self) -> bool:
        """Whether the paper's numbers behind it are known."""
        return any(not isnan(value) for curves in self.panels for curve in curves for value in curve.published)

    @property
    def lines(self) -> Iterator[tuple[str, ...]]:
        """The points as the lines of a table, under `header`."""
        for panel, curves in zip(self.figure.panels, self.panels, strict=True):
            for curve in curves:
                for x, ours, published in zip(curve.x, curve.ours, curve.published, strict=True):
                    yield panel.title, curve.series.title, written(x), written(ours), written(published)

    def draw(self, source: Source, ink: str) -> Drawing:
        return _draw(source, self, ink)


def plot_curves(name: str, figure: Figure, paper: Paper, folder: Path, measured: Measured) -> PlottedCurves:
    """A figure's numbers, ours and the published ones."""
    published = read_published(folder, figure.references)
    needed = list(figure.needed())
    shown = _Shown(
        shown_models(needed, measured.models, paper).get(figure.model, ""),
        shown_methods(needed, measured.methods, paper),
        shown_datasets(needed, measured.datasets, paper),
    )
    panels = tuple(
        tuple(_curve(series, figure, shown, measured, published) for series in panel.series) for panel in figure.panels
    )
    return PlottedCurves(name, figure, shown.model, panels)


@dataclass(frozen=True)
class _Shown:
    """What of the run is shown for a figure's model, methods and datasets."""

    model: str
    methods: dict[str, str]
    datasets: dict[str, str]


def _curve(series: Series, figure: Figure, shown: _Shown, measured: Measured, published: Published) -> Curve:
    x, ours, theirs = [], [], []
    for value, place in figure.points(series):
        method, quantity = shown.methods.get(place.method, place.method), place.quantity.on(shown.datasets)
        scale = how_shown(quantity.metric).scale
        number = measured.value(shown.model, method, place.target, quantity).number
        printed = published.number(place.model, place.method, place.target, place.quantity)
        x.append(value)
        ours.append(nan if number is None else number * scale)
        theirs.append(nan if printed is None else printed * scale)
    return Curve(series, x, ours, theirs)


def _draw(source: Source, plotted: PlottedCurves, ink: str) -> Drawing:
    figure = plotted.figure
    drawing, axes = Frame(figure.title, figure.model, plotted.model).empty(source, len(plotted.panels))
    metric: PaperMetric = figure.panels[0].series[0].metric or figure.metric
    highest = _HIGHEST if metric == "perplexity" else inf
    looks = _looks(plotted)
    for ax, panel, curves in zip(axes, figure.panels, plotted.panels, strict=True):
        for curve in curves:
            look = looks[curve.series.title]
            _line(ax, highest, curve.x, curve.ours, linewidth=1.4, **look)
            _line(ax, highest, curve.x, curve.published, linestyle="--", linewidth=1.0, markerfacecolor="none", **look)
        if metric == "perplexity":
            ax.set_yscale("log")
        if figure.axis and figure.axis.log:
            _log_axis(ax, curves)
        ax.set_xlabel(literal(figure.axis.title if figure.axis else "pruned level (%)"))
        ax.set_title(panel.title)
    axes[0].set_ylabel(_measured_words(figure))
    every = (value for curves in plotted.panels for curve in curves for value in (*curve.ours, *curve.published))
    shown = [value for value in every if not isnan(value)]
    if any(value > highest for value in shown):
        axes[0].set_ylim(min(shown) / 2, _HIGHEST * 2)
        axes[0].set_ylabel("perplexity (log scale, cut at $10^9$)")
    if not shown:
        say_not_run(axes[0])
    _legend(drawing, plotted, looks, ink)
    return drawing


def _log_axis(ax: Axes, curves: Sequence[Curve]) -> None:
    """A logarithmic axis whose ticks are the values that were run."""
    points = [point for curve in curves for point in zip(curve.x, curve.ours, curve.published, strict=True)]
    ticks = sorted({x for x, *values in points if not all(map(isnan, values))})
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)


def _measured_words(figure: Figure) -> str:
    """What the vertical axis is."""
    metrics = [series.metric or figure.metric for panel in figure.panels for series in panel.series]
    words = []
    for metric in dict.fromkeys(metrics):
        how = how_shown(metric)
        unit = "log scale" if metric == "perplexity" else how.unit
        words.append(f"{how.title.lower()} ({unit})" if unit else how.title.lower())
    return " / ".join(words)


def _looks(plotted: PlottedCurves) -> dict[str, dict[str, Any]]:
    """Colour and marker of each series, the same in all panels."""
    titles = dict.fromkeys(curve.series.title for curves in plotted.panels for curve in curves)
    return {
        title: {"color": PALETTE[i % len(PALETTE)], "marker": _MARKERS[i % len(_MARKERS)], "markersize": 4}
        for i, title in enumerate(titles)
    }


def _line(ax: Axes, highest: float, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
    """The points there are, joined, none above `highest`: a level that was not run leaves no hole."""
    points = [(place, min(value, highest)) for place, value in zip(x, y, strict=True) if not isnan(value)]
    if points:
        ax.plot(*zip(*points, strict=True), **look)


def _legend(drawing: Drawing, plotted: PlottedCurves, looks: dict[str, dict[str, Any]], ink: str) -> None:
    """Colour is the method; solid is ours, dashed the paper's."""
    found = {title: Line2D([], [], **look) for title, look in looks.items()}
    kinds = {"here": Line2D([], [], color=ink), "published": Line2D([], [], color=ink, linestyle="--")}
    if not plotted.has_published:
        del kinds["published"]
    labels = [literal(name) for name in (*found, *kinds)]
    drawing.legend([*found.values(), *kinds.values()], labels, loc="outside right center")
