"""What the page's interactive plots need: plotly.js itself, and looks and order of the methods as in all figures."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from prunebench.errors import PrunebenchError
from prunebench.reports.drawing import method_looks
from prunebench.reports.panels import Panel
from prunebench.reports.templating import Script

# What matplotlib's names are called there.
_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross", "*": "star",
    "X": "x", "<": "triangle-left", ">": "triangle-right", "h": "hexagon", "p": "pentagon", "x": "x-thin-open",
}  # fmt: skip
_DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


@cache
def plotly() -> Script:
    """plotly.js as the installed wheel has it, licence comment included.

    Raises:
        PrunebenchError: it cannot stand in a page as it is.
    """
    text, version = get_plotlyjs(), get_plotlyjs_version()
    for ending in ("</script", "<!--", "\r", "\0"):  # of the element, or changed by the parser of the page
        if ending in text.lower():
            raise PrunebenchError(f"plotly.js {version} contains {ending!r} and cannot be put into a page; pin another")
    return Script(Markup(text))


def plot_data(shown: Iterable[Panel]) -> dict[str, Any]:
    """Looks and order of the methods, as JSON.

    Returns:
        `looks`: by method its colour, plotly's symbol and plotly's dashes;
        `methods`: their names, and `order`: by protocol/model/metric/dataset their numbers in `methods`, those that a
        figure of few methods shows first.
    """
    drawn = list(shown)
    looks = method_looks(drawn)
    methods = list(looks)
    numbers = {method: number for number, method in enumerate(methods)}
    return {
        "looks": {method: (look.color, _SYMBOLS[look.marker], _DASHES[look.dashes]) for method, look in looks.items()},
        "methods": methods,
        "order": {
            f"{panel.protocol}/{panel.model}/{panel.metric}/{panel.dataset}": [numbers[m] for m in panel.placed()]
            for panel in drawn
        },
    }
