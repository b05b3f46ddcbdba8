"""Attention heads as a graph: on a circle, those joined that are nearer than tau, each group in its own colour."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import cos, pi, sin

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as Drawing

from prunebench.config.paper import Paper
from prunebench.config.paper_internals import BlockPanel, GraphFigure
from prunebench.config.standins import shown_methods, shown_models
from prunebench.reports.display import STATUS_WORDS
from prunebench.reports.drawing import GREY, PALETTE
from prunebench.reports.paper.framing import Frame, literal, say_not_run, written
from prunebench.reports.paper.measured import Measured
from prunebench.reports.source import Source
from prunebench.results.expected import HEAD_DISTANCE

Edge = tuple[int, int]
_FAINTEST = 0.3  # the opacity of an edge that is hardly below tau; of heads that do the same it is 1


@dataclass(frozen=True)
class Heads:
    """The heads of one block: the distance of every two; none if the cell's `status` is not ok."""

    distances: Mapping[Edge, float]
    status: str

    @property
    def numbers(self) -> list[int]:
        """The heads, in order."""
        return sorted({head for pair in self.distances for head in pair})

    def edges(self, tau: float) -> list[Edge]:
        """The pairs that are nearer than tau."""
        return [pair for pair, distance in self.distances.items() if distance < tau]

    def groups(self, tau: float) -> list[list[int]]:
        """The heads that edges lead to from one another, largest group first; a head without edges is one by itself."""
        group = {head: {head} for head in self.numbers}
        for one, other in self.edges(tau):
            if group[one] is not group[other]:
                group[one] |= group[other]
                for head in group[other]:
                    group[head] = group[one]
        distinct = {id(members): sorted(members) for members in group.values()}
        return sorted(distinct.values(), key=lambda members: (-len(members), members))


@dataclass(frozen=True)
class PlottedGraph:
    """A figure with its numbers, by panel. `model` is the one shown, empty if there is none."""

    name: str
    figure: GraphFigure
    model: str
    panels: tuple[Heads, ...]

    header = ("panel", "block", "head", "other_head", HEAD_DISTANCE, "joined")
    has_published = False

    @property
    def lines(self) -> Iterator[tuple[str, ...]]:
        """The pairs as the lines of a table, under `header`."""
        for panel, heads in zip(self.figure.panels, self.panels, strict=True):
            for (one, other), distance in heads.distances.items():
                joined = "yes" if distance < self.figure.tau else "no"
                yield panel.title, str(panel.block), str(one), str(other), written(distance), joined

    def draw(self, source: Source, ink: str) -> Drawing:
        figure = self.figure
        drawing, axes = Frame(figure.title, figure.model, self.model).empty(source, len(self.panels), legend=False)
        for ax, panel, heads in zip(axes, figure.panels, self.panels, strict=True):
            _graph(ax, heads, figure.tau, ink)
            ax.set_title(literal(panel.title))
        return drawing


def plot_graph(name: str, figure: GraphFigure, paper: Paper, measured: Measured) -> PlottedGraph:
    """A figure's numbers."""
    needed = list(figure.needed())
    model = shown_models(needed, measured.models, paper).get(figure.model, "")
    method = shown_methods(needed, measured.methods, paper).get(figure.method, figure.method)

    def heads(panel: BlockPanel) -> Heads:
        cell, quantity = (model, method, figure.target), figure.place(panel).quantity
        found = measured.under(*cell, HEAD_DISTANCE, f"{quantity.dataset}:")
        pairs = {_edge(pair): value.number for pair, value in found.items() if value.number is not None}
        return Heads(dict(sorted(pairs.items())), "" if pairs else measured.value(*cell, quantity).status)

    return PlottedGraph(name, figure, model, tuple(map(heads, figure.panels)))


def _edge(pair: str) -> Edge:
    one, other = pair.split("-")
    return int(one), int(other)


def _graph(ax: Axes, heads: Heads, tau: float, ink: str) -> None:
    """Heads of a group stand side by side, clockwise from the top, their numbers outside of the circle."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set(xticks=[], yticks=[], xlim=(-1.35, 1.35), ylim=(-1.35, 1.35), aspect="equal")
    if not heads.distances:
        say_not_run(ax, STATUS_WORDS.get(heads.status, heads.status))
        return
    groups, edges = heads.groups(tau), heads.edges(tau)
    ordered = [head for members in groups for head in members]
    angles = {head: pi / 2 - 2 * pi * place / len(ordered) for place, head in enumerate(ordered)}
    spots = {head: (cos(angle), sin(angle)) for head, angle in angles.items()}
    joined = [members for members in groups if len(members) > 1]
    colors = dict.fromkeys(ordered, GREY)
    for number, members in enumerate(joined):
        colors |= dict.fromkeys(members, PALETTE[number % len(PALETTE)])
    lines = [(spots[one], spots[other]) for one, other in edges]
    shades = [to_rgba(colors[pair[0]], 1 - (1 - _FAINTEST) * heads.distances[pair] / tau) for pair in edges]
    ax.add_collection(LineCollection(lines, colors=shades, linewidths=1.3))
    x, y = zip(*spots.values(), strict=True)
    ax.scatter(x, y, s=36, color=[colors[head] for head in spots], zorder=3)
    for head, (right, up) in spots.items():
        ax.text(1.17 * right, 1.17 * up, str(head), ha="center", va="center", fontsize=7, color=ink)
    ax.set_xlabel(f"{len(edges)} of {len(heads.distances)} pairs below {tau:g}, {_groups_in_words(joined)}")


def _groups_in_words(joined: list[list[int]]) -> str:
    sizes = ", ".join(str(len(members)) for members in joined)
    return f"groups of {sizes}" if len(joined) > 1 else f"one group of {sizes}" if joined else "no groups"
