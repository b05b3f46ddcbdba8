"""The leaderboard: one HTML file that needs nothing else, neither a server nor a network.

The table is plain HTML and a small script of our own rather than a table library: what this page must do
(dense row pinned, failures last in both directions, tied ranks, intervals to look at) is what libraries
need the most code to be talked into, and the page stays small enough to read and to mail.
"""

from markupsafe import Markup
from plotly.offline import get_plotlyjs_version

import prunebench
from prunebench.reports.board import board, failures
from prunebench.reports.display import STATUS_MEANINGS, STATUS_WORDS
from prunebench.reports.packing import packed
from prunebench.reports.panels import panels
from prunebench.reports.plots import plot_data, plotly
from prunebench.reports.source import Source
from prunebench.reports.templating import Script, asset, environment
from prunebench.results.expected import PERPLEXITY
from prunebench.results.intervals import CONFIDENCE
from prunebench.results.ranking import ALPHA

# By concept, each using only what is before it when the page opens.
_SCRIPTS = (
    "state.js", "elements.js", "numbers.js", "rows.js", "columns.js", "picker.js", "details.js", "table.js", "cards.js",
    "example.js", "download.js",
    "plot_data.js", "plot_axes.js", "plot_curves.js", "plot_ranks.js", "plot_tradeoff.js", "plots.js", "page.js",
)  # fmt: skip
_REASONS = 50  # so many are listed: messages with numbers in them are different in each cell


def leaderboard(source: Source) -> str:
    """The page as text. The same results always make the same page."""
    shown = list(panels(source))
    data = board(source, shown)
    cells, failed = data["cells"], failures(data)
    controls = {cell["method"] for cell in cells if cell["family"] == "control"}
    return environment().get_template("leaderboard.html.j2").render(
        data={**data, "cells": packed(cells), "plots": plot_data(shown)},
        cells=len(cells),
        style=asset("page.css") + asset("plots.css"),
        script=Script(Markup("".join(map(asset, _SCRIPTS)))),
        plotly=plotly(),
        plotly_version=get_plotlyjs_version(),
        figures=[panel.name for panel in shown if panel.metric == PERPLEXITY],
        protocols=sorted(source.metrics["protocol"].unique()),
        statuses=[(name, STATUS_WORDS[name], STATUS_MEANINGS[name], sum(cell["status"] == name for cell in cells))
                  for name in STATUS_WORDS],
        failures=failed,
        unfinished=sum(failure["count"] for failure in failed if failure["status"] != "na"),
        inapplicable=sum(failure["count"] for failure in failed if failure["status"] == "na"),
        listed=_REASONS,
        methods=len(set(data["methods"]) - controls),
        controls=len(controls),
        provenance=source.provenance,
        version=prunebench.__version__,
        alpha=ALPHA,
        confidence=CONFIDENCE,
    )  # fmt: skip
