"""What is drawn of the inside of models: curves of singular values, and exactly the edges below tau."""

import csv
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from prunebench.config.paper import Paper, load_paper
from prunebench.config.standins import needed_cells
from prunebench.reports.drawing import GREY
from prunebench.reports.names import paper_names
from prunebench.reports.paper.build import build_paper
from prunebench.reports.paper.drawing import draw, plot_figures
from prunebench.reports.paper.ecdf import PlottedEcdf
from prunebench.reports.paper.graph import Heads, PlottedGraph
from prunebench.reports.paper.measured import Measured
from prunebench.reports.source import Source
from tests.reports.paper.inside import DISTANCES, LAYOUT, NEAR, ROWS
from tests.reports.paper.small import write_paper, write_run


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source.read(*write_run(tmp_path_factory.mktemp("run"), ROWS))


@pytest.fixture(scope="module")
def plotted(tmp_path_factory: pytest.TempPathFactory, source: Source) -> tuple[PlottedEcdf, PlottedGraph]:
    folder = write_paper(tmp_path_factory.mktemp("paper") / "small", LAYOUT)
    spectra, heads = plot_figures(load_paper(folder), folder, Measured(source))
    assert isinstance(spectra, PlottedEcdf)
    assert isinstance(heads, PlottedGraph)
    return spectra, heads


def test_a_curve_has_the_values_of_its_block_and_matrix_in_order(plotted, source) -> None:
    drawing = draw(source, plotted[0])
    first, last = drawing.axes
    curves = [(list(line.get_xdata()), list(line.get_ydata())) for line in first.get_lines()]
    assert curves == [([1, 2, 9], [0, 0.5, 1]), ([0.5, 1, 8], [0, 0.5, 1]), ([], []), ([], [])]
    assert [(list(line.get_xdata())) for line in last.get_lines()] == [[3, 4, 5], [], [], []]
    assert len({line.get_color() for line in first.get_lines()}) == 4
    assert (first.get_xlabel(), first.get_title(), last.get_title()) == (
        "singular value", r"first \$layer\$", "last layer",
    )  # fmt: skip


def test_the_legend_says_which_curves_are_not_there_and_why(plotted, source) -> None:
    (legend,) = draw(source, plotted[0]).legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["dense", "20%", "30% (timeout)", "40% (not run)", "20% (not run)"]


def edges(ax: Axes) -> set[tuple[int, int]]:
    """The pairs of heads that lines join, by the numbers beside their ends."""
    numbers = {spot(*text.get_position()): int(text.get_text()) for text in ax.texts}
    (lines,) = (found for found in ax.collections if isinstance(found, LineCollection))
    return {tuple(sorted(numbers[spot(*end)] for end in line)) for line in lines.get_segments()}


def spot(x: float, y: float) -> tuple[float, float]:
    """A place on the circle, however far out."""
    length = (x * x + y * y) ** 0.5
    return round(x / length, 6) + 0.0, round(y / length, 6) + 0.0


def test_exactly_the_pairs_below_tau_are_joined(plotted, source) -> None:
    block4, block5, absent = draw(source, plotted[1]).axes
    assert edges(block4) == set(NEAR)
    assert block4.get_xlabel() == "3 of 15 pairs below 0.2, groups of 3, 2"
    assert len(block4.texts) == 6
    assert edges(block5) == set()
    assert block5.get_xlabel() == "0 of 3 pairs below 0.2, no groups"
    assert [text.get_text() for text in absent.texts] == ["not run"]


def test_heads_of_a_group_share_a_colour_and_stand_side_by_side(plotted, source) -> None:
    block4 = draw(source, plotted[1]).axes[0]
    dots = next(found for found in block4.collections if not isinstance(found, LineCollection))
    heads = [int(text.get_text()) for text in block4.texts]
    assert heads == [0, 2, 3, 1, 10, 4]  # the largest group first
    colors = dict(zip(heads, map(to_hex, dots.get_facecolors()), strict=True))
    assert colors[0] == colors[2] == colors[3] != colors[1] == colors[10]
    assert colors[4] == GREY.lower()
    lines = next(found for found in block4.collections if isinstance(found, LineCollection))
    faint = dict(zip(sorted(NEAR), lines.get_colors()[:, 3], strict=True))
    assert faint[0, 2] > faint[1, 10] > faint[2, 3] > 0.3  # the nearer, the stronger


@pytest.mark.parametrize("tau", [0.0, 0.06, 0.15, 0.2, 0.3, 0.6])
def test_groups_are_what_edges_connect(tau: float) -> None:
    heads = Heads(DISTANCES, "")
    found = heads.groups(tau)
    assert sorted(head for group in found for head in group) == heads.numbers
    reach = {a: {a} for a in heads.numbers}
    for _ in heads.numbers:  # as many steps as the longest path
        for a, b in heads.edges(tau):
            reach[a] |= reach[b]
            reach[b] |= reach[a]
    for one, other in combinations(heads.numbers, 2):
        together = any({one, other} <= set(group) for group in found)
        assert together == (other in reach[one])
    assert [len(group) for group in found] == sorted((len(group) for group in found), reverse=True)


def test_the_numbers_lie_beside_the_figures_and_the_page_shows_them(tmp_path: Path) -> None:
    folder = write_paper(tmp_path / "small", LAYOUT)
    page = tmp_path / "reports" / "papers" / "small.html"
    build_paper(folder, *write_run(tmp_path / "run", ROWS), page)
    promised = {Path(name).name for name in paper_names(Path("papers/small"), load_paper(folder)).files}
    assert {path.name for path in page.with_suffix("").iterdir()} == promised
    assert {"heads.pdf", "heads.svg", "heads.png", "heads.csv", "spectra.csv"} <= promised

    def lines(name: str) -> list[dict[str, str]]:
        with (page.with_suffix("") / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    joined = {(int(x["head"]), int(x["other_head"])) for x in lines("heads.csv") if x["joined"] == "yes"}
    assert joined == set(NEAR)
    assert len(lines("heads.csv")) == 15 + 3
    assert len(lines("spectra.csv")) == 3 * 3
    assert lines("spectra.csv")[1] == {
        "panel": "first $layer$", "block": "0", "series": "dense", "method": "dense", "target": "u00",
        "share": "0.5", "singular_value": "2.0",
    }  # fmt: skip
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "Small model stands in for big-llama" in text
    assert text.count("only ours are drawn") == 2


def test_only_what_is_shown_is_looked_into() -> None:
    needed = needed_cells(Paper.model_validate(LAYOUT), ["real", "small"], ["dense", "fast"])
    assert needed == {
        ("real", "dense", "u00"): {"internals"},
        **{("real", "fast", target): {"internals"} for target in ("s20", "s30", "s40")},
        ("small", "dense", "u00"): {"internals"},
    }
