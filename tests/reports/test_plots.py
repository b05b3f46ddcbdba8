"""The leaderboard's plots in a real browser, against the rows of `metrics.csv` and against brute force."""

import itertools
import random

import numpy as np
import pandas as pd
import pytest

from prunebench.errors import PrunebenchError
from prunebench.reports import plots
from prunebench.reports.build import build_leaderboard
from prunebench.reports.drawing import method_looks
from prunebench.reports.panels import panels
from prunebench.reports.source import Source
from prunebench.results.runfiles import read_run, write_run
from prunebench.targets import Target
from tests.reports.conftest import methods, save_run
from tests.reports.hostile import HTML, make_hostile, make_hostile_titles
from tests.results.example import METHODS, make_run

TEXT = ("perplexity", "wiki-sample")


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """`metrics.csv` and `provenance.json` of a run whose speed was measured, with structured targets."""
    folder = tmp_path_factory.mktemp("timed")
    run = make_run(folder, models=("smollm2-135m",), targets=("u50", "u60", "n2m4", "s20", "s30"))
    frame = run.collect()
    rows = frame[(frame["metric"] == "sparsity") & (frame["status"] == "ok") & (frame["target"] != "u00")]
    rng = np.random.default_rng(0)
    speeds = rng.uniform(0.8, 2, len(rows)).round(2)  # rounded: some are equal
    added = [
        rows.assign(metric=metric, value=speeds * times, ci_low=speeds * times - 0.1, ci_high=speeds * times + 0.2, n=7)
        for metric, times in (("prefill_speedup", 1), ("decode_speedup", 1.5))
    ]
    smaller = rows[rows["pattern"] == "structured"]
    left = smaller.assign(metric="parameters", value=[float(int(1e8 * (1 - share))) for share in smaller["sparsity"]])
    whole = frame[(frame["metric"] == "sparsity") & (frame["target"] == "u00")].assign(metric="parameters", value=1e8)
    return save_run(run, pd.concat([frame, *added, left, whole]))


@pytest.fixture(scope="module")
def measured(timed, tmp_path_factory):
    """The address of its page."""
    path = tmp_path_factory.mktemp("page") / "leaderboard.html"
    build_leaderboard(*timed, path)
    return path.as_uri()


def shown(tab, name):
    """The traces of a plot, by name; waits until it is drawn."""
    tab.locator(f"#{name}-plot").scroll_into_view_if_needed()
    tab.wait_for_function("name => document.querySelector(`#${name}-plot .main-svg`) && !stale.has(name)", arg=name)
    return tab.evaluate(
        """name => document.querySelector(`#${name}-plot .canvas`).data.map(({name, x, y, text, mode, error_x, error_y, customdata, line, marker}) =>
            ({name, x, y, text, mode, error_x, error_y, customdata, line, marker}))""",
        name,
    )  # fmt: skip


def scored(files, metric, dataset, model="smollm2-135m"):
    frame = Source.read(*files).metrics
    return frame[(frame["model"] == model) & (frame["metric"] == metric) & (frame["dataset"] == dataset)]


def named(traces, title):
    return [trace for trace in traces if trace["name"] == title and "markers" in trace["mode"]]


def brute_front(points, lower_x, lower_y):
    """All points that none is at least as good as in both and better than in one."""
    sign = np.array([1 if lower else -1 for lower in (lower_x, lower_y)])
    every = [sign * point for point in points]
    return sorted(
        tuple(point)
        for point, own in zip(points, every, strict=True)
        if not any((other <= own).all() and (other < own).any() for other in every)
    )


# ---- what is drawn ---------------------------------------------------------------------------------------


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
    assert "SmolLM2 135M, wiki-sample" in tab.locator("#curves-title").inner_text() or shown(tab, "curves")
    tab.select_option("#model", "opt-tiny")
    traces = shown(tab, "curves")
    title = tab.locator("#curves-title").inner_text()
    assert title == "Perplexity against sparsity OPT tiny, trained here, wiki-sample"
    rows = scored(run_files, *TEXT, model="opt-tiny")
    sparsegpt = rows[(rows["method"] == "sparsegpt") & (rows["status"] == "ok")]["number"]
    found = [y for trace in named(traces, "SparseGPT") for y in trace["y"] if y is not None]
    assert sorted(found) == pytest.approx(sorted(sparsegpt), rel=1e-5)
    tab.fill("#query", "stade")
    assert {trace["name"] for trace in shown(tab, "curves")} - {None} == {"STADE", "STADE without bias", "Dense"}
    tab.click("#reset")
    tab.select_option("#pattern", "n:m")
    axes = tab.evaluate("document.querySelector('#curves-plot .canvas').layout.xaxis.ticktext") if shown(tab, "curves") else []
    assert axes == ["2:4"]
    tab.fill("#query", "nothing like it")
    tab.wait_for_function("() => document.querySelector('#curves-plot .canvas').hidden")
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
        ends = found["x"][i] - found["error_x"]["arrayminus"][i], found["x"][i] + found["error_x"]["array"][i]
        assert (found["x"][i], *ends) == (row["number"], row["low"], row["high"])
    assert found["x"] == sorted(found["x"])
    assert len(found["x"]) == 5
    (failed,) = traces["failed"]["y"]
    assert failed == 5  # below all others
    assert traces["failed"]["x"][0] > max(found["x"])
    assert "diverged" in traces["failed"]["text"][0]
    assert "perplexity 2.1e+07" in traces["failed"]["text"][0]
    tab.click(".card.all")
    tab.wait_for_function("() => document.querySelector('#ranks-plot .canvas').hidden")
    assert "press one of the cards" in tab.locator("#ranks-note").inner_text()


# ---- quality against speed and size ----------------------------------------------------------------------


@pytest.mark.parametrize(("lower_x", "lower_y"), list(itertools.product([True, False], repeat=2)))
def test_the_front_is_what_brute_force_finds(visit, address, lower_x, lower_y):
    tab = visit(address)
    rng = random.Random(1)
    for count in (0, 1, 2, 5, 40):
        for _ in range(10):
            points = [(rng.randint(0, 8), rng.randint(0, 8)) for _ in range(count)]  # many ties
            found = tab.evaluate(
                "([all, ...lower]) => front(all.map(([x, y]) => ({x, y})), ...lower).map(({x, y}) => [x, y])",
                [points, lower_x, lower_y],
            )
            assert sorted(map(tuple, found)) == brute_front([np.array(point) for point in points], lower_x, lower_y)
            assert [x for x, _ in found] == sorted(x for x, _ in found)


@pytest.mark.parametrize(("select", "option", "metric"), [
    ("speedup", "prefill_speedup", "perplexity/wiki-sample"), ("speedup", "decode_speedup", "acc/piqa"),
    ("room", "nonzero", "acc/piqa"), ("room", "stored", "perplexity/wiki-sample"),
])  # fmt: skip
def test_what_is_not_beaten_is_marked(visit, measured, timed, select, option, metric):
    tab = visit(measured)
    tab.select_option("#metric", metric)
    plot = {"speedup": "speed", "room": "size"}[select]
    shown(tab, plot)
    tab.select_option(f"#{select}", option)
    traces = shown(tab, plot)
    quality = scored(timed, *metric.split("/")).query("status == 'ok'").set_index(["method", "target"])["number"]
    frame = Source.read(*timed).metrics.set_index(["method", "target"])
    dense = 1.0 if select == "speedup" else 100.0
    points = {}
    for (method, target), value in quality.items():
        rows = frame.loc[[(method, target)]].set_index("metric")["number"]
        if method == "dense":
            x = dense
        elif option == "stored":
            x = rows["parameters"] / 1e6 if target.startswith("s") else 100.0
        else:
            x = 100 * (1 - rows["sparsity"]) if option == "nonzero" else rows[option]
        x = round(x, 2 if select == "speedup" else 1)  # as exact as it is shown
        points[method, target] = (x, value if metric.startswith("perplexity") else 100 * value)
    line = next(trace for trace in traces if trace["name"] == "not beaten by any")
    drawn = [(x, y) for t in traces if t["customdata"] for x, y in zip(t["x"], t["y"], strict=True)]
    assert np.array(sorted(drawn)) == pytest.approx(np.array(sorted(points.values())), rel=1e-4)
    expected = brute_front([np.array(point) for point in points.values()], select == "room", metric.startswith("perp"))
    found = sorted(zip(line["x"], line["y"], strict=True))
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-4)
    assert line["line"]["shape"] == ("hv" if select == "room" else "vh")


def test_speeds_carry_their_interval(visit, measured):
    wanda = next(trace for trace in named(shown(visit(measured), "speed"), "Wanda"))
    assert wanda["error_x"]["array"] == pytest.approx([0.2] * len(wanda["x"]), abs=1e-4)
    assert wanda["error_x"]["arrayminus"] == pytest.approx([0.1] * len(wanda["x"]), abs=1e-4)


def test_a_run_without_speed_says_how_to_measure_it(visit, address):
    tab = visit(address)
    shown(tab, "size")
    assert "measured no speed. Put speed into evaluate" in tab.locator("#speed-note").inner_text()
    assert tab.locator("#speed-plot .canvas").is_hidden()
    assert tab.locator("#speedup").is_hidden()


# ---- looks -----------------------------------------------------------------------------------------------


def test_a_method_looks_as_it_does_in_the_figures_in_files(visit, address, run_files):
    traces = shown(visit(address), "curves")
    looks = method_looks(list(panels(Source.read(*run_files))))
    drawn = {method: named(traces, title)[0] for method, (title, *_) in METHODS.items() if method != "dense"}
    for method, trace in drawn.items():
        assert (trace["marker"]["color"], trace["line"]["color"]) == (looks[method].color, looks[method].color)
    assert len({trace["marker"]["symbol"] for trace in drawn.values()}) == len(drawn)


def test_all_looks_of_figures_have_one_in_plotly():
    many = [panel for panel in [type("P", (), {"methods": [f"m{i:02}" for i in range(60)], "placed": lambda _: [],
            "protocol": "p", "model": "m", "metric": "acc", "dataset": "d"})()]]  # fmt: skip
    looks = plots.plot_data(many)["looks"]
    assert len(set(looks.values())) == 61


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


# ---- what one can do with them ---------------------------------------------------------------------------


def hover(tab, plot, title):
    """Move to the first point of a method; returns what pops up."""
    index = tab.evaluate(
        "([plot, title]) => document.querySelector(`#${plot}-plot .canvas`)._fullData.findIndex(t => t.name === title && t.mode.includes('markers'))",
        [plot, title],
    )  # fmt: skip
    point = tab.evaluate(
        """([plot, index]) => {
            const box = document.querySelector(`#${plot}-plot .canvas`), {x, y, xaxis, yaxis} = box._fullData[index], {left, top} = box.getBoundingClientRect();
            const [h, v] = [xaxis, yaxis].map(name => box._fullLayout[name[0] + 'axis' + name.slice(1)]);
            return [left + h._offset + h.d2p(x[0]), top + v._offset + v.d2p(y[0])];
        }""",
        [plot, index],
    )  # fmt: skip
    tab.mouse.move(*point)
    tab.wait_for_selector(f"#{plot}-plot .hoverlayer .hovertext")
    return tab.locator(f"#{plot}-plot .hoverlayer").text_content(), point


def test_hovering_tells_value_interval_rank_and_count(visit, address, run_files):
    tab = visit(address)
    shown(tab, "curves")
    text, _ = hover(tab, "curves", "SparseGPT")
    row = scored(run_files, *TEXT).query("method == 'sparsegpt' and target == 'u50'").iloc[0]
    for part in ("SparseGPT", "50%", f"{row['number']:.2f}", f"({row['low']:.2f} – {row['high']:.2f})", "rank 1", "10 windows", "ok"):
        assert part in text


def test_a_click_opens_the_row(visit, address):
    tab = visit(address)
    tab.click(".card[data-target=u70]")
    shown(tab, "curves")
    _, point = hover(tab, "curves", "SparseGPT")
    tab.mouse.click(*point)
    tab.wait_for_selector("tr[data-method=sparsegpt] button[aria-expanded=true]")
    row = tab.locator("tr[data-method=sparsegpt]")
    assert row.get_attribute("data-target") == "u50"
    assert row.locator("button.method").evaluate("element => element === document.activeElement")
    assert row.is_visible()
    assert 0 <= row.bounding_box()["y"] < 900


def test_a_name_in_the_legend_hides_its_method(visit, address):
    tab = visit(address)
    shown(tab, "curves")
    before = tab.locator("#curves-plot .scatterlayer path.point").count()
    tab.locator("#curves-plot .legendtoggle").nth(1).click()
    tab.wait_for_function(f"() => document.querySelectorAll('#curves-plot .scatterlayer path.point').length < {before}")


@pytest.mark.parametrize(("format_", "start"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_a_plot_can_be_saved(visit, address, format_, start):
    tab = visit(address)
    shown(tab, "curves")
    with tab.expect_download() as download:
        tab.locator(f"#curves-plot [data-title='Save as {format_.upper()}']").click()
    assert download.value.suggested_filename == f"curves-smollm2-135m-perplexity-wiki-sample.{format_}"
    assert download.value.path().read_bytes().startswith(start)
    assert tab.locator("#curves-plot .modebar-btn--logo, #curves-plot .plotlyjsicon").count() == 0


def test_it_has_no_serious_fault_of_accessibility(visit, measured):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe missing: accessibility not tried")
    for scheme in ("light", "dark"):
        tab = visit(measured, viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        for name in ("curves", "ranks", "speed", "size"):
            shown(tab, name)
            assert tab.locator(f"#{name}-plot").get_attribute("aria-labelledby")
        found = axe.Axe().run(tab, "#plots").response["violations"]
        assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


# ---- what must not happen --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_titles_are_drawn_as_they_are(visit, tmp_path):
    run = make_run(tmp_path, models=("smollm2-135m",))
    summary = make_hostile_titles(run.summary())
    evil = {
        "wanda": "<a href='javascript:window.hacked=3'>x</a>", "sparsegpt": "<b>y</b> %{x} &lt;z",
        "magnitude": "<sub>s</sub><br>$x^2$", "stade": HTML,
    }  # fmt: skip
    for entry in summary["methods"]:
        entry["title"] = evil.get(entry["name"], entry["title"])
    metrics, provenance = save_run(run, make_hostile(run.collect()), summary)
    build_leaderboard(metrics, provenance, tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    for name in ("curves", "ranks", "size"):
        shown(tab, name)
        names = tab.locator(f"#{name}-plot").evaluate("box => [...box.querySelectorAll('text')].map(text => text.textContent)")
        for title in ("<b>y</b> %{x} &lt;z", "<sub>s</sub><br>$x^2$"):
            assert title in names
        assert tab.locator(f"#{name}-plot a[href]").count() == 0
    for title in ("<b>y</b> %{x} &lt;z", "<sub>s</sub><br>$x^2$"):
        escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert title in hover(tab, "size", escaped)[0].replace("\n", "")
    tab.click(".card[data-target=n2m4]")
    traces = {trace["name"]: trace for trace in shown(tab, "ranks")}
    assert "&lt;script&gt;" in traces["failed"]["text"][0]
    assert tab.evaluate("window.hacked") is None


def test_the_library_runs_when_the_first_plot_comes_near(visit, address):
    tab = visit(address, viewport={"width": 1400, "height": 300})
    tab.wait_for_selector(".card")
    assert tab.evaluate("typeof Plotly") == "undefined"
    shown(tab, "curves")
    assert tab.evaluate("Plotly.version") == plots.plotly().version


def test_the_library_stands_in_the_page_as_it_is_with_its_licence(address, tmp_path):
    text = plots.plotly().text
    assert "</script" not in text.lower()
    assert "<!--" not in text
    assert "Licensed under the MIT license" in text[:300]


def test_a_library_that_would_end_its_element_is_refused(monkeypatch):
    monkeypatch.setattr(plots, "get_plotlyjs", lambda: "x = '</SCRIPT>'")
    with pytest.raises(PrunebenchError, match="cannot be put into a page"):
        plots.plotly.__wrapped__()


def test_without_scripts_the_page_says_where_the_figures_are(visit, address):
    tab = visit(address, java_script_enabled=False)
    notice = tab.locator(".notice").inner_text()
    assert "smollm2-135m-perplexity-wiki-sample" in notice
    assert tab.locator("#plots").is_hidden()


def test_of_many_methods_the_best_placed_have_looks(visit, run_files, tmp_path):
    frame = Source.read(*run_files).metrics
    frame = frame[list(frame.columns[:17])].query("model == 'smollm2-135m'")
    copies = [frame[frame["method"] != "dense"].assign(method=lambda f, i=i: f["method"] + f"@nsamples={i}") for i in range(1, 12)]
    files = tmp_path / "metrics.csv", tmp_path / "provenance.json"
    write_run(pd.concat([frame, *copies]), read_run(*run_files), *files)
    build_leaderboard(*files, tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    names = {trace["name"] for trace in shown(tab, "curves")} - {None, "Dense"}
    panel = next(panel for panel in panels(Source.read(*files)) if panel.metric == "perplexity")
    assert len(names) == 13
    assert {METHODS[name.partition("@")[0]][0] if "@" not in name else name for name in panel.placed()[:12]} <= names
    assert "Of 72 methods the 12 of the best mean place" in tab.locator("#curves-note").inner_text()
    assert "The first 40 of 72 rows." in tab.locator("#ranks-note").inner_text() if shown(tab, "ranks") else False
    grey = [trace for trace in shown(tab, "size") if trace["name"] == "other methods"]
    finished = (scored(files, *TEXT)["status"] == "ok").sum() - 1
    drawn = sum(len(trace["x"]) for trace in shown(tab, "size") if trace["customdata"]) - 1
    assert (len(grey), drawn) == (1, finished)
    assert methods(tab)[0] == "dense"
    assert Target.parse("u50").label == "50%"
