"""Figures as files: PDF, SVG and PNG of perplexity against sparsity, one per model and text; and as parts of pages."""

import re
from collections.abc import Callable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from prunebench.files import replacing
from prunebench.reports.drawing import GREY, STYLE, draw, method_looks
from prunebench.reports.names import remove_stale
from prunebench.reports.panels import panels
from prunebench.reports.source import Source
from prunebench.results.expected import PERPLEXITY

# No dates and no random ids: the same numbers make the same files.
_METADATA: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
_FILES = {"pdf.fonttype": 42, "svg.hashsalt": "prunebench", "savefig.dpi": 200}  # 42: TrueType, as publishers ask

_INK = "#010203"  # stands for the page's own text colour until the SVG is text
_PAGE = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    "grid.color": GREY,
    "svg.fonttype": "none",  # text stays text, in the page's font
    "svg.hashsalt": "prunebench",
}
_ID = re.compile(r'(\bid="|url\(#|href="#)')


def write_figures(source: Source, folder: Path) -> list[str]:
    """Write `<name>.pdf`, `.svg` and `.png` of every perplexity panel; returns the names. Those of earlier grids go."""
    shown = [panel for panel in panels(source) if panel.metric == PERPLEXITY]
    looks = method_looks(shown)
    for panel in shown:
        save_figure(partial(draw, source, panel, looks), folder, panel.name)
    names = [panel.name for panel in shown]
    remove_stale(folder, names, [f".{suffix}" for suffix in _METADATA])
    return names


def save_figure(drawn: Callable[[], Figure], folder: Path, name: str) -> None:
    """Write what `drawn` draws as `<name>.pdf`, `.svg` and `.png`; the same figure always makes the same files."""
    with mpl.rc_context({**STYLE, **_FILES}):
        figure = drawn()
        for suffix, metadata in _METADATA.items():
            with replacing(folder / f"{name}.{suffix}") as temporary:
                figure.savefig(temporary, format=suffix, metadata=metadata)


def svg_element(drawn: Callable[[str], Figure], name: str) -> str:
    """What `drawn` draws with the ink it is given, as an `<svg>` element: text and lines take the page's colour."""
    with mpl.rc_context({**STYLE, **_PAGE}):
        text = StringIO()
        bare = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawn(_INK).savefig(text, format="svg", metadata=bare, transparent=True)
    svg = text.getvalue()
    element = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    # Several figures share the page, in which an id may stand only once.
    return _ID.sub(rf"\g<1>{re.sub(r'[^A-Za-z0-9_-]', '-', name)}-", element)
