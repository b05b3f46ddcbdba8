import xml.etree.ElementTree as ElementTree
from math import nan

import pytest

from prunebench.reports.build import build_figures
from prunebench.reports.drawing import PALETTE, draw, method_looks
from prunebench.reports.figures import svg_element
from prunebench.reports.panels import Entry, Panel, panels
from prunebench.reports.source import Source
from tests.reports.conftest import save_run
from tests.reports.hostile import make_hostile_titles
from tests.results.example import make_run


@pytest.fixture(scope="module")
def source(run_files):
    return Source.read(*run_files)


@pytest.fixture(scope="module")
def drawn(source):
    return {panel.name: panel for panel in panels(source) if panel.metric == "perplexity"}


def test_the_same_numbers_make_the_same_files_with_truetype_fonts(tmp_path):
    run = make_run(tmp_path, methods=("dense", "random", "wanda"), models=("opt-tiny",))
    files = save_run(run)
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        names = build_figures(*files, folder)
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name
    content = (folders[0] / f"{names[0]}.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content


def test_figures_of_earlier_grids_go(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    old, other = tmp_path / "figures/gpt2-perplexity-wiki-sample.png", tmp_path / "figures/mine.png"
    for path in (old, other):
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    names = build_figures(*save_run(run), tmp_path / "figures")
    assert not old.exists()
    assert other.exists()
    assert all((tmp_path / f"figures/{name}.png").exists() for name in names)


def test_curves_hold_the_unstructured_values_and_points_the_n_m_ones(source, drawn):
    panel = drawn["smollm2-135m-perplexity-wiki-sample"]
    figure = draw(source, panel, method_looks([panel]))
    curves, points = figure.axes
    lines = {line.get_label(): line for line in curves.get_lines()}
    for method in panel.methods:
        expected = [panel.at(method, target)[0] for target in ("u50", "u60", "u70")]
        found = lines[method].get_ydata()
        for entry, value in zip(expected, found, strict=True):
            assert value == pytest.approx(entry.number) if entry.status == "ok" else value != value
    assert list(lines["wanda"].get_xdata()) == [50, 60, 70]
    assert set(lines["dense"].get_ydata()) == {panel.dense[0].number}
    assert curves.get_yscale() == "log"
    ends = {container.get_label(): container for container in points.containers}
    entry = panel.at("wanda", "n2m4")[0]
    (segment,) = ends["wanda"].lines[2][0].get_segments()
    assert [y for _, y in segment] == pytest.approx([entry.low, entry.high])
    assert "stade" not in ends  # rejected
    assert [label.get_text() for label in points.get_xticklabels()] == ["2:4"]


def test_what_is_not_shown_is_said(source, drawn):
    panel = drawn["smollm2-135m-perplexity-wiki-sample"]
    note = draw(source, panel, method_looks([panel])).get_supxlabel()
    assert "Magnitude 70% (diverged)" in note
    assert "STADE 2:4 (rejected)" in note
    assert "axis ends at 100 times" in note


def test_thirty_methods_look_different():
    panel = Panel("laptop-512", "opt-tiny", "perplexity", "wiki-sample", {}, [f"m{i}" for i in range(28)])
    looks = method_looks([panel])
    assert len({(look.color, look.marker) for look in looks.values()}) == 29
    assert len({(look.color, look.dashes) for look in looks.values()}) == 29
    assert len(set(PALETTE)) == 7


@pytest.mark.parametrize("targets", [("n2m4", "n4m8"), ("u50",), ("u50", "s20", "s30", "n2m4"), ()])
def test_any_mixture_of_targets_can_be_drawn(tmp_path, targets):
    run = make_run(tmp_path, methods=("dense", "wanda", "random"), targets=targets, models=("opt-tiny",))
    source = Source.read(*save_run(run))
    panel = next(panel for panel in panels(source) if panel.metric == "perplexity")
    patterns = {"n2m4": "n:m", "n4m8": "n:m", "u50": "unstructured", "s20": "structured", "s30": "structured"}
    figure = draw(source, panel, method_looks([panel]))
    assert len(figure.axes) == max(1, len({patterns[target] for target in targets}))


def test_a_model_whose_every_cell_failed_still_has_its_figure(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    for path in tmp_path.rglob("*.json"):
        path.unlink()
    names = build_figures(*save_run(run), tmp_path)
    assert (tmp_path / f"{names[0]}.png").stat().st_size > 1000


def inline_svg(source, panel, looks):
    return svg_element(lambda _: draw(source, panel, looks), panel.name)


def test_the_inline_svg_is_wellformed_has_unique_ids_and_takes_the_pages_colour(source, drawn):
    looks = method_looks(drawn.values())
    roots = [ElementTree.fromstring(inline_svg(source, panel, looks)) for panel in drawn.values()]
    ids = [element.get("id") for root in roots for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    content = inline_svg(source, next(iter(drawn.values())), looks)
    assert "currentColor" in content
    assert "#010203" not in content
    assert "<metadata" not in content
    labels = {"".join(element.itertext()) for element in roots[0].iter("{http://www.w3.org/2000/svg}text")}
    assert {"SparseGPT", "Dense", "2:4", "60%"} <= labels
    links = {element.get("{http://www.w3.org/1999/xlink}href") for root in roots for element in root.iter()} - {None}
    assert {link.removeprefix("#") for link in links} <= set(ids)


@pytest.mark.filterwarnings("ignore:Glyph")  # some of the titles have no glyphs in any font here
def test_hostile_titles_are_text(tmp_path):
    run = make_run(tmp_path, models=("opt-tiny",))
    metrics, provenance = save_run(run, summary=make_hostile_titles(run.summary()))
    source = Source.read(metrics, provenance)
    panel = next(panel for panel in panels(source) if panel.metric == "perplexity")
    root = ElementTree.fromstring(inline_svg(source, panel, method_looks([panel])))
    assert not [element for element in root.iter() if element.tag.endswith(("script", "img"))]
    texts = {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert any("</script><script>" in text for text in texts)
    assert build_figures(metrics, provenance, tmp_path)


def test_of_many_methods_the_best_placed_are_drawn_with_random_and_the_figure_says_so(tmp_path):
    names = [f"m{number}" for number in range(15)]
    run = make_run(tmp_path, methods=("dense", "random", *names), targets=("u50", "u60"), models=("opt-tiny",))
    source = Source.read(*save_run(run))
    panel = next(panel for panel in panels(source) if panel.metric == "perplexity")
    figure = draw(source, panel, method_looks([panel]))
    drawn = {line.get_label() for line in figure.axes[0].get_lines()} - {"dense"}
    sums = dict.fromkeys(names, 0)
    for target in ("u50", "u60"):
        worse = sorted(names, key=lambda name: panel.at(name, target)[0].number)
        sums = {name: sums[name] + worse.index(name) for name in names}
    assert len(drawn) == 13
    assert "random" in drawn
    left_out = set(names) - drawn
    assert max(sums[name] for name in drawn - {"random"}) <= min(sums[name] for name in left_out)
    note = " ".join(figure.get_supxlabel().split())
    assert "Of 16 methods the 12 of the best mean place over all targets and random pruning are shown" in note


def test_a_method_that_failed_somewhere_is_placed_last_there(tmp_path):
    run = make_run(tmp_path, models=("smollm2-135m",), targets=("n2m4",))
    panel = next(panel for panel in panels(Source.read(*save_run(run))) if panel.metric == "perplexity")
    assert panel.at("stade", "n2m4")[0].status == "rejected"
    assert panel.leading(4).methods == [method for method in panel.methods if method != "stade"]
    assert panel.leading(5) is panel


def made_up(values):
    """A panel of perplexities by method and target."""
    entries = {
        (method, target): [
            Entry(method, target, "0", "ok", "", str(value), "", "", value, nan, nan, 8, "", nan, nan, nan)
        ]
        for method, of_method in values.items()
        for target, value in of_method.items()
    }
    return Panel("laptop-512", "opt-tiny", "perplexity", "wiki-sample", entries, list(values))


def test_targets_that_were_not_tried_are_no_advantage():
    panel = made_up({
        "few": {"u50": 10}, "all": {"u50": 20, "u60": 20, "u70": 20}, "worse": {"u50": 30, "u60": 30, "u70": 30},
    })  # fmt: skip
    assert panel.leading(2).methods == ["all", "worse"]
    assert panel.leading(1).methods == ["all"]


def test_a_place_among_many_counts_no_more_than_one_among_few():
    crowd = {f"m{number}": {"u50": 20 + number} for number in range(6)}
    panel = made_up({"a": {"u50": 23.5, "u60": 10, "n2m4": 10}, "b": {"u50": 10, "u60": 20, "n2m4": 20}, **crowd})
    assert panel.leading(1).methods == ["a"]  # places 4 of 8, 0 of 2, 0 of 2 against 0 of 8, 1 of 2, 1 of 2


def test_random_pruning_is_shown_besides():
    panel = made_up({name: {"u50": value} for name, value in (("a", 1), ("random", 9), ("b", 2), ("c", 3))})
    assert panel.leading(2).methods == ["a", "random", "b"]
    assert panel.leading(3) is panel


def test_a_long_footnote_is_broken_into_lines_that_fit(tmp_path):
    run = make_run(tmp_path)
    for failed in ("wanda", "sparsegpt", "magnitude"):
        for target in ("u50", "u60"):
            record = run.root / f"results/pruned/laptop-512/opt-tiny/{failed}/seed0/{target}.json"
            record.write_text(record.read_text().replace('"status": "ok"', '"status": "timeout"'))
    source = Source.read(*save_run(run))
    panel = next(panel for panel in panels(source) if panel.model == "opt-tiny" and panel.metric == "perplexity")
    figure = draw(source, panel, method_looks([panel]))
    figure.canvas.draw()
    label = figure._supxlabel
    assert "\n" in label.get_text()
    assert label.get_window_extent().x1 <= figure.bbox.x1
