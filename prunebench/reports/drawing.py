"""Perplexity against sparsity, drawn.

Curves are unstructured sparsity; N:M and structured points stand apart from them, since half the weights at
2:4 and any half of the weights are different things. Bands and bars are the 95 % intervals of `metrics.csv`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import nan
from statistics import fmean
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from prunebench.reports.display import CEILING, STATUS_WORDS
from prunebench.reports.panels import DENSE_METHOD, RANDOM_METHOD, Entry, Panel
from prunebench.reports.source import Source
from prunebench.targets import Target

# Seven colours that stand out on white and on the dark background of the pages (a contrast of 3 or more), and from each
# other for all kinds of colour vision; grey is chance, the dense model is black.
PALETTE = ("#2D96C3", "#D2002D", "#695AC3", "#E17800", "#A500FF", "#B48769", "#A53C87")
GREY = "#8A8A8A"
DASHES = ("-", "--", "-.", ":")
FIGURE_WIDTH = 6.3  # inches: the text of A4 with margins of 2.5 cm; on a page figures keep their size and letters
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}

_MARKERS = "os^DvP*X<>hp"
_HEADINGS = {"unstructured": "unstructured sparsity", "n:m": "N:M", "structured": "structured"}
_LONGEST = 36  # characters of a name
_DRAWN = 12  # so many methods, beside the grey of chance, can be told apart
_FOOTNOTE, _FOOTNOTE_WIDTH = 7, 3.9  # size of its letters and the mean width of one, points
_LISTED = 6  # so many failed cells are named below a figure


@dataclass(frozen=True)
class Look:
    """How one method is drawn: told apart by colour, and where there is none by marker and dashes."""

    color: str
    marker: str
    dashes: str

    @property
    def points(self) -> dict[str, Any]:
        """Matplotlib's keywords for its points."""
        return {"color": self.color, "marker": self.marker, "markersize": 4}


def method_looks(shown: Iterable[Panel]) -> dict[str, Look]:
    """One look per method, the same in all figures."""
    methods = sorted({method for panel in shown for method in panel.methods} - {RANDOM_METHOD})
    looks = {RANDOM_METHOD: Look(GREY, "x", ":")}
    for i, method in enumerate(methods):
        looks[method] = Look(PALETTE[i % len(PALETTE)], _MARKERS[i % len(_MARKERS)], dashes_of(i))
    return looks


def dashes_of(number: int) -> str:
    """The dashes of the so-many-th line: neighbours differ in print without colour, and so do all of one colour."""
    return DASHES[(number % len(PALETTE) + number // len(PALETTE)) % len(DASHES)]


def draw(source: Source, panel: Panel, looks: Mapping[str, Look]) -> Figure:
    """The panel with one set of axes per pattern, sharing the perplexity axis; to be called under `STYLE`.

    Of more methods than can be told apart the leading ones and random pruning are drawn, and the figure says so.
    """
    everything, panel = panel, panel.leading(_DRAWN)
    by_pattern = groupby(panel.targets, key=lambda token: Target.parse(token).pattern)
    patterns = [(pattern, list(tokens)) for pattern, tokens in by_pattern] or [("unstructured", [])]
    curves = [len(tokens) > 1 and pattern != "n:m" for pattern, tokens in patterns]
    widths = [3.2 if curve else 0.5 + 0.55 * len(tokens) for curve, (_, tokens) in zip(curves, patterns, strict=True)]
    figure = Figure(figsize=(FIGURE_WIDTH, 3.2), layout="constrained")
    axes = figure.subplots(1, len(patterns), sharey=True, squeeze=False, width_ratios=widths)[0]
    for ax, curve, (pattern, tokens) in zip(axes, curves, patterns, strict=True):
        (_curves if curve else _points)(ax, panel, tokens, looks)
        ax.axhline(_mean(_finished(panel.dense), "number"), color="black", linewidth=1, label=DENSE_METHOD)
        ax.set_xlabel(_HEADINGS[pattern])
    _perplexity_axis(axes[0], panel)
    handles = {handle.get_label(): handle for ax in reversed(axes) for handle in ax.get_legend_handles_labels()[0]}
    named = [method for method in (*panel.methods, DENSE_METHOD) if method in handles]
    labels = [_title(source, "methods", method) for method in named]
    figure.legend([handles[method] for method in named], labels, loc="outside right upper")
    model, text = _title(source, "models", panel.model), _title(source, "datasets", panel.dataset)
    figure.suptitle(f"{model}\n{text}")  # two lines: registry titles are long, and the legend is beside
    if footnote := _footnote(source, panel, len(everything.methods)):
        wide = int(72 * figure.get_figwidth() / _FOOTNOTE_WIDTH)
        lines = [fill(line, wide) for line in footnote.splitlines()]
        figure.supxlabel("\n".join(lines), fontsize=_FOOTNOTE, x=0.01, ha="left")
    return figure


def _curves(ax: Axes, panel: Panel, tokens: Sequence[str], looks: Mapping[str, Look]) -> None:
    x = [100 * Target.parse(token).sparsity for token in tokens]
    for method in panel.methods:
        look = looks[method]
        entries = [_finished(panel.at(method, token)) for token in tokens]
        if any(entries):
            mean, low, high = ([_mean(found, name) for found in entries] for name in ("number", "low", "high"))
            ax.plot(x, mean, linewidth=1.3, linestyle=look.dashes, label=method, **look.points)
            ax.fill_between(x, low, high, color=look.color, alpha=0.15, linewidth=0)
    ax.set_xticks(x, [f"{value:.0f}%" for value in x])


def _points(ax: Axes, panel: Panel, tokens: Sequence[str], looks: Mapping[str, Look]) -> None:
    step = 0.6 / max(1, len(panel.methods) - 1)
    ceiling = _ceiling(panel)
    for i, method in enumerate(panel.methods):
        look, entries = looks[method], [_finished(panel.at(method, token)) for token in tokens]
        if not any(entries):
            continue
        x = [place + i * step - 0.3 for place in range(len(tokens))]
        mean, low, high = (np.array([_mean(found, name) for found in entries]) for name in ("number", "low", "high"))
        bars = np.clip([mean - low, high - mean], 0, None)  # rounded ends may pass the mean
        ax.errorbar(x, mean, bars, linestyle="", capsize=2, label=method, **look.points)
        for place, value in zip(x, mean, strict=True):
            if ceiling and value > ceiling:
                ax.text(place, 0.95, "↑", transform=ax.get_xaxis_transform(), color=look.color, ha="center")
    ax.set_xlim(-0.5, max(1, len(tokens)) - 0.5)
    ax.set_xticks(range(len(tokens)), [Target.parse(token).label.removesuffix(" structured") for token in tokens])
    ax.grid(visible=False, axis="x")


def _perplexity_axis(ax: Axes, panel: Panel) -> None:
    ax.set_yscale("log")
    ax.set_ylabel("perplexity (log scale)")
    ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value < 1e5 else f"{value:.0e}"))
    ax.minorticks_off()
    if ceiling := _ceiling(panel):
        ax.set_ylim(top=ceiling)


def _ceiling(panel: Panel) -> float | None:
    """Where the axis ends if values lie beyond, in perplexity."""
    if not _finished(panel.dense):
        return None
    ceiling = CEILING * _mean(panel.dense, "number")
    shown = [entry.number for entries in panel.entries.values() for entry in _finished(entries)]
    return ceiling if max(shown) > ceiling else None


def _finished(entries: Sequence[Entry]) -> list[Entry]:
    """All seeds, or nothing if one of them failed: a mean over what is left would flatter."""
    return list(entries) if all(entry.status == "ok" for entry in entries) else []


def _mean(entries: Sequence[Entry], name: str) -> float:
    return fmean(getattr(entry, name) for entry in entries) if entries else nan


def _footnote(source: Source, panel: Panel, methods: int) -> str:
    """What the figure does not show, and why; `methods` is how many there are."""
    missing = [
        f"{_title(source, 'methods', method)} {Target.parse(token).label} ({STATUS_WORDS[failed[0].status]})"
        for method in panel.methods
        for token in panel.targets
        if (failed := [entry for entry in panel.at(method, token) if entry.status != "ok"])
    ]
    more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
    sentences = [f"Not shown: {', '.join(missing[:_LISTED])}{more}."] if missing else []
    if _ceiling(panel):
        sentences.append(f"The axis ends at {CEILING} times the dense perplexity.")
    if len(panel.methods) < methods:
        control = " and random pruning" if RANDOM_METHOD in panel.methods else ""
        best = f"Of {methods} methods the {_DRAWN} of the best mean place over all targets{control} are shown."
        return f"{best} The table has all.\n{' '.join(sentences)}".strip()
    return " ".join(sentences)


def _title(source: Source, what: str, name: str) -> str:
    title = source.title(what, name)
    short = title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"
    return short.replace("$", r"\$")  # no formulas in names
