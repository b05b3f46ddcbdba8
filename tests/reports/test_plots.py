"""The leaderboard's plots in a real browser, against the rows of `metrics.csv`."""

import pytest

from prunebench.reports import plots
from prunebench.reports.drawing import method_looks
from prunebench.reports.panels import Panel, panels
from prunebench.reports.source import Source
from tests.reports.plotted import TEXT, named, scored, shown
from tests.results.example import METHODS


@pytest.mark.parametrize("pair", [TEXT, ("acc", "piqa")])
def test_each_finished_cell_is_one_point_of_the_curves(visit, address, run_files, pair):
    tab = visit(address)
    tab.select_option("#metric", "/".join(pair))
    traces = shown(tab, "curves")
    rows = scored(run_files, *pair)
    scale = 1 if pair == TEXT else 100
    for method, (title, *_) in list(METHODS.items())[1:]:
        ok = rows[(rows["method"] == method) & (rows["status"] == "ok")]
        points = [y for trace in named(traces, title) for y in trace["y"] if y is not None]
        assert sorted(points) == pytest.approx(sorted(scale * ok["number"]), rel=1e-5)
    finished = ((rows["status"] == "ok") & (rows["method"] != "dense")).sum()
    arrows = [y for trace in traces if trace["name"] is None for y in trace["y"]]
    assert tab.locator("#curves-plot .scatterlayer path.point").count() == finished + len(arrows)
    axis = tab.evaluate("document.querySelector('#curves-plot .canvas').layout.yaxis.type ?? 'linear'")
    assert axis == ("log" if pair == TEXT else "linear")
    dense = rows.loc[rows["method"] == "dense", "number"].iloc[0]
    lines = [trace for trace in traces if trace["name"] == "Dense"]
    assert len(lines) == 2  # beside the curves and beside 2:4
    assert all(y == pytest.approx(scale * dense, rel=1e-5) for line in lines for y in line["y"])


def test_the_intervals_are_drawn_as_bands_and_bars(visit, address, run_files):
    traces = shown(visit(address), "curves")
    rows = scored(run_files, *TEXT)
    wanda = rows[(rows["method"] == "wanda") & (rows["target"].isin(["u50", "u60", "u70"]))].sort_values("target")
    band = next(trace for trace in traces if trace["name"] == "Wanda" and trace["mode"] == "lines")
    ends = [*wanda["high"], *reversed(list(wanda["low"]))]
    assert band["y"] == pytest.approx(ends, rel=1e-5)
    point = rows[(rows["method"] == "wanda") & (rows["target"] == "n2m4")].iloc[0]
    bar = next(trace for trace in named(traces, "Wanda") if trace["error_y"])
    assert bar["error_y"]["array"][0] == pytest.approx(point["high"] - point["number"], abs=1e-3)
    assert bar["error_y"]["arrayminus"][0] == pytest.approx(point["number"] - point["low"], abs=1e-3)


def test_what_is_not_drawn_is_said(visit, address):
    tab = visit(address)
    traces = shown(tab, "curves")
    note = tab.locator("#curves-note").inner_text()
    assert "Magnitude 70% (diverged)" in note
    assert "STADE 2:4 (rejected)" in note
    assert "ends at 100 times the dense perplexity" in note
    (arrow,) = [trace for trace in traces if trace["name"] is None]
    assert "above the end of the axis" in arrow["text"][0]


def test_the_plots_follow_the_view(visit, address, run_files):
    tab = visit(address)
    shown(tab, "curves")
    assert (
        tab.locator("#curves-title").inner_text()
        == "Perplexity against sparsity SmolLM2 135M, wiki-sample (10 windows)"
    )
    tab.select_option("#model", "opt-tiny")
    traces = shown(tab, "curves")
    title = tab.locator("#curves-title").inner_text()
    assert title == "Perplexity against sparsity OPT tiny, trained here, wiki-sample (10 windows)"
    rows = scored(run_files, *TEXT, model="opt-tiny")
    sparsegpt = rows[(rows["method"] == "sparsegpt") & (rows["status"] == "ok")]["number"]
    found = [y for trace in named(traces, "SparseGPT") for y in trace["y"] if y is not None]
    assert sorted(found) == pytest.approx(sorted(sparsegpt), rel=1e-5)
    tab.fill("#query", "stade")
    assert {trace["name"] for trace in shown(tab, "curves")} - {None} == {"STADE", "STADE without bias", "Dense"}
    tab.click("#reset")
    tab.select_option("#pattern", "n:m")
    shown(tab, "curves")
    assert tab.evaluate("document.querySelector('#curves-plot .canvas').layout.xaxis.ticktext") == ["2:4"]
    tab.fill("#query", "nothing like it")
    assert shown(tab, "curves") == []
    assert tab.locator("#curves-plot .canvas").is_hidden()
    assert "No row is left by the filters." in tab.locator("#curves-note").inner_text()


def test_ranks_have_their_range_and_failed_methods_are_last(visit, address, run_files):
    tab = visit(address)
    tab.click(".card[data-target=u70]")
    traces = {trace["name"]: trace for trace in shown(tab, "ranks")}
    frame = Source.read(*run_files).metrics
    ranks = frame[(frame["model"] == "smollm2-135m") & (frame["target"] == "u70") & (frame["metric"] == "rank")
                  & (frame["dataset"] == "perplexity/wiki-sample")].set_index("method")  # fmt: skip
    found = traces["rank"]
    for i, key in enumerate(found["customdata"]):
        row = ranks.loc[key.split("/")[2]]
        line = traces["places"]["y"].index(found["y"][i])
        ends = traces["places"]["x"][line : line + 2]
        assert (found["x"][i], *ends) == (row["number"], row["low"], row["high"])
    assert found["x"] == sorted(found["x"])
    assert len(found["x"]) == 5
    (failed,) = traces["failed"]["y"]
    assert failed == 5  # below all others
    assert traces["failed"]["x"][0] > max(found["x"])
    assert "diverged" in traces["failed"]["text"][0]
    assert "perplexity 2.1e+07" in traces["failed"]["text"][0]
    tab.click(".card.all")
    assert shown(tab, "ranks") == []
    assert "press one of the cards" in tab.locator("#ranks-note").inner_text()


# ---- looks -----------------------------------------------------------------------------------------------


def test_a_method_looks_as_it_does_in_the_figures_in_files(visit, address, run_files):
    traces = shown(visit(address), "curves")
    looks = method_looks(list(panels(Source.read(*run_files))))
    drawn = {method: named(traces, title)[0] for method, (title, *_) in METHODS.items() if method != "dense"}
    for method, trace in drawn.items():
        assert (trace["marker"]["color"], trace["line"]["color"]) == (looks[method].color, looks[method].color)
    assert len({trace["marker"]["symbol"] for trace in drawn.values()}) == len(drawn)


def test_all_looks_of_figures_have_one_in_plotly():
    panel = Panel("laptop-512", "opt-tiny", "perplexity", "wiki-sample", {}, [f"m{i}" for i in range(28)])
    looks = plots.plot_data([panel])["looks"].values()
    assert len({(color, symbol) for color, symbol, _ in looks}) == 29
    assert len({(color, dashes) for color, _, dashes in looks}) == 29


def test_the_theme_changes_without_a_reload_and_keeps_what_was_zoomed(visit, address):
    tab = visit(address, viewport={"width": 1400, "height": 900}, color_scheme="light")
    shown(tab, "curves")
    paper = "() => document.querySelector('#curves-plot .canvas')._fullLayout.paper_bgcolor"
    text = "() => getComputedStyle(document.querySelector('#curves-plot .legendtext')).fill"
    light = tab.evaluate(paper), tab.evaluate(text)
    box = tab.locator("#curves-plot .nsewdrag").first.bounding_box()
    tab.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 250, steps=3)
    tab.mouse.up()
    ends = "() => document.querySelector('#curves-plot .canvas')._fullLayout.xaxis.range"
    zoomed = tab.evaluate(ends)
    assert 55 < zoomed[0] < zoomed[1] < 70
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(f"before => ({paper})() !== before", arg=light[0])
    dark = tab.evaluate(paper), tab.evaluate(text)
    assert dark[0] == tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()")
    assert dark[1] != light[1]
    assert tab.evaluate(ends) == zoomed


def test_a_phone_has_the_legend_below_and_scrolls_with_a_finger(visit, measured):
    tab = visit(measured, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    for name in ("curves", "ranks", "speed", "size"):
        shown(tab, name)
        box = tab.locator(f"#{name}-plot .main-svg").first.bounding_box()
        assert box["width"] <= 390
        if name != "ranks":
            assert tab.locator(f"#{name}-plot .legend").bounding_box()["y"] > box["y"] + 200
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.evaluate("document.querySelector('#curves-plot .canvas')._fullLayout.dragmode") is False
