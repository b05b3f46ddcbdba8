"""The leaderboard: one HTML file that needs nothing else, neither a server nor a network.

The table is plain HTML and a small script of our own rather than a table library: what this page must do
(dense row pinned, failures last in both directions, tied ranks, intervals to look at) is what libraries
need the most code to be talked into, and the page stays small enough to read and to mail.
"""

import base64
import hashlib

from markupsafe import Markup

import prunebench
from prunebench.reports.board import board, failures
from prunebench.reports.display import STATUS_MEANINGS, STATUS_WORDS
from prunebench.reports.drawing import method_looks
from prunebench.reports.figures import inline_svg
from prunebench.reports.packing import packed
from prunebench.reports.panels import panels
from prunebench.reports.source import Source
from prunebench.reports.templating import asset, environment
from prunebench.results.expected import PERPLEXITY
from prunebench.results.intervals import CONFIDENCE
from prunebench.results.ranking import ALPHA

# By concept, each using only what is before it when the page opens.
_SCRIPTS = (
    "state.js", "elements.js", "numbers.js", "rows.js", "columns.js", "picker.js", "details.js", "table.js", "cards.js",
    "example.js", "download.js", "page.js",
)  # fmt: skip
_REASONS = 50  # so many are listed: messages with numbers in them are different in each cell


def leaderboard(source: Source) -> str:
    """The page as text. The same results always make the same page."""
    shown = list(panels(source))
    drawn = [panel for panel in shown if panel.metric == PERPLEXITY]
    datasets = {panel.dataset for panel in drawn}
    looks = method_looks(drawn)
    data = board(source, shown)
    cells = data["cells"]
    scripts = {"theme": asset("theme.js"), "page": "".join(map(asset, _SCRIPTS))}
    return environment().get_template("leaderboard.html.j2").render(
        data={**data, "cells": packed(cells)},
        cells=len(cells),
        style=Markup(asset("page.css")),
        scripts={name: Markup(script) for name, script in scripts.items()},
        # Nothing but these very scripts may run and nothing may be loaded, whatever a title or a text contains.
        script_source=" ".join(f"'sha256-{_sha256(script)}'" for script in scripts.values()),
        figures=[
            {"model": panel.model, "title": source.title("datasets", panel.dataset),
             "overlap": source.overlap(panel.model, panel.dataset), "svg": Markup(inline_svg(source, panel, looks))}
            for panel in sorted(drawn, key=lambda panel: source.ordered("datasets", datasets).index(panel.dataset))
        ],
        protocols=sorted(source.metrics["protocol"].unique()),
        statuses=[(name, STATUS_WORDS[name], STATUS_MEANINGS[name], sum(cell["status"] == name for cell in cells))
                  for name in STATUS_WORDS],
        failures=failures(data),
        listed=_REASONS,
        methods=len(data["methods"]),
        provenance=source.provenance,
        version=prunebench.__version__,
        alpha=ALPHA,
        confidence=CONFIDENCE,
    )  # fmt: skip


def _sha256(script: str) -> str:
    """As a content security policy writes it."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
