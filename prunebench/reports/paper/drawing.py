"""A paper's figures: perplexity against sparsity on a log axis, the published curve dashed beside ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from prunebench.config.paper import Paper
from prunebench.config.paper_parts import Figure, Series
from prunebench.config.standins import shown_models
from prunebench.reports.drawing import PALETTE
from prunebench.reports.paper.measured import Measured
from prunebench.reports.paper.published import Published, number_of, read_published
from prunebench.reports.source import Source
from prunebench.targets import Target

_MARKERS = "os^DvP*X"
_HIGHEST = 1e9  # perplexities beyond say no more than "broken"; they are drawn at the upper edge


@dataclass(frozen=True)
class Curve:
    """One series as numbers, NaN where there is none; a perplexity that is not finite is infinite."""

    series: Series
    ours: list[float]
    published: list[float]


@dataclass(frozen=True)
class Plotted:
    """A figure with its numbers: by panel, its curves. `model` is the one shown, empty if there is none."""

    name: str
    figure: Figure
    model: str
    panels: tuple[tuple[Curve, ...], ...]

    @property
    def has_published(self) -> bool:
        """Whether the paper's numbers behind it are known."""
        return any(not isnan(value) for curves in self.panels for curve in curves for value in curve.published)


def plot_figures(paper: Paper, folder: Path, measured: Measured) -> list[Plotted]:
    """All figures of the paper with their numbers."""
    plotted = []
    for name, figure in paper.figures.items():
        model = shown_models([figure.model], measured.models, paper.stand_in).get(figure.model, "")
        published = read_published(folder, figure.references)
        panels = tuple(
            tuple(_curve(series, figure, model, measured, published) for series in panel.series)
            for panel in figure.panels
        )
        plotted.append(Plotted(name, figure, model, panels))
    return plotted


def _curve(series: Series, figure: Figure, model: str, measured: Measured, published: Published) -> Curve:
    ours = [measured.value(model, series.method, token, "perplexity").number for token in figure.targets]
    theirs = [number_of(published.at(figure.model, series.method, token, "perplexity")) for token in figure.targets]
    return Curve(series, [nan if v is None else v for v in ours], [nan if v is None else v for v in theirs])


def draw(source: Source, plotted: Plotted, ink: str = "black") -> Drawing:
    """The figure; to be called under `reports.drawing.STYLE`."""
    figure, count = plotted.figure, len(plotted.panels)
    drawing = Drawing(figsize=(2.2 + 3.4 * count, 3.6), layout="constrained")
    axes = drawing.subplots(1, count, sharey=True, squeeze=False)[0]
    x = [100 * Target.parse(token).sparsity for token in figure.targets]
    looks = _looks(plotted)
    for ax, panel, curves in zip(axes, figure.panels, plotted.panels, strict=True):
        for curve in curves:
            look = looks[curve.series.title]
            _line(ax, x, curve.ours, linewidth=1.4, **look)
            _line(ax, x, curve.published, linestyle="--", linewidth=1.0, markerfacecolor="none", **look)
        ax.set_yscale("log")
        ax.set_xlabel("pruned level (%)")
        ax.set_title(panel.title, fontsize=9)
    axes[0].set_ylabel("perplexity (log scale)")
    every = (value for curves in plotted.panels for curve in curves for value in (*curve.ours, *curve.published))
    shown = [value for value in every if not isnan(value)]
    if any(value > _HIGHEST for value in shown):
        axes[0].set_ylim(min(shown) / 2, _HIGHEST * 2)
        axes[0].set_ylabel("perplexity (log scale, cut at $10^9$)")
    if not shown:
        axes[0].text(0.5, 0.5, "not run", transform=axes[0].transAxes, ha="center", va="center")
    _legend(drawing, plotted, looks, ink)
    title = f"{figure.title}\n{_model_words(source, plotted)}"
    drawing.suptitle(title.replace("$", r"\$"), fontsize=10)
    return drawing


def _looks(plotted: Plotted) -> dict[str, dict[str, Any]]:
    """Colour and marker of each series, the same in all panels."""
    titles = dict.fromkeys(curve.series.title for curves in plotted.panels for curve in curves)
    return {
        title: {"color": PALETTE[i % len(PALETTE)], "marker": _MARKERS[i % len(_MARKERS)], "markersize": 4}
        for i, title in enumerate(titles)
    }


def _line(ax: Axes, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
    """The points there are, joined: a level that was not run leaves no hole."""
    points = [(place, min(value, _HIGHEST)) for place, value in zip(x, y, strict=True) if not isnan(value)]
    if points:
        ax.plot(*zip(*points, strict=True), **look)


def _legend(drawing: Drawing, plotted: Plotted, looks: dict[str, dict[str, Any]], ink: str) -> None:
    """Colour is the method; solid is ours, dashed the paper's."""
    found = {title: Line2D([], [], **look) for title, look in looks.items()}
    kinds = {"here": Line2D([], [], color=ink), "published": Line2D([], [], color=ink, linestyle="--")}
    if not plotted.has_published:
        del kinds["published"]
    labels = [name.replace("$", r"\$") for name in (*found, *kinds)]
    drawing.legend([*found.values(), *kinds.values()], labels, loc="outside right center")


def _model_words(source: Source, plotted: Plotted) -> str:
    asked = plotted.figure.model
    if plotted.model == asked:
        return source.title("models", asked)
    if not plotted.model:
        return f"{asked} (not run)"
    return f"{source.title('models', plotted.model)} stands in for {asked}"
