"""What one can do with the leaderboard's plots, and what must not happen, in a real browser."""

import pandas as pd
import pytest
from plotly.offline import get_plotlyjs_version

from prunebench.errors import PrunebenchError
from prunebench.reports import plots
from prunebench.reports.build import build_leaderboard
from prunebench.reports.panels import panels
from prunebench.reports.source import Source
from prunebench.results.runfiles import read_run, write_run
from tests.reports.conftest import save_run
from tests.reports.hostile import HTML, make_hostile, make_hostile_titles
from tests.reports.plotted import TEXT, hover, scored, shown
from tests.results.example import METHODS, make_run

# ---- what one can do with them ---------------------------------------------------------------------------


def test_hovering_tells_value_interval_rank_and_count(visit, address, run_files):
    tab = visit(address)
    shown(tab, "curves")
    text, _ = hover(tab, "curves", "Magnitude")
    row = scored(run_files, *TEXT).query("method == 'magnitude' and target == 'u50'").iloc[0]
    value = f"{row['number']:.2f} ({row['low']:.2f} – {row['high']:.2f})"
    assert text == f"Magnitude50%Perplexity {value}rank 510 windowsok"


def test_a_click_opens_the_row(visit, address):
    tab = visit(address)
    tab.click(".card[data-target=u70]")
    shown(tab, "curves")
    _, point = hover(tab, "curves", "Magnitude")
    tab.mouse.click(*point)
    tab.wait_for_selector("tr[data-method=magnitude] button[aria-expanded=true]")
    row = tab.locator("tr[data-method=magnitude]")
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
        "wanda": "<a href='javascript:window.hacked=3'>x</a>", "sparsegpt": "<sub>s</sub><br>$x^2$",
        "magnitude": "<b>y</b> %{x} &lt;z", "stade": HTML,
    }  # fmt: skip
    for entry in summary["methods"]:
        entry["title"] = evil.get(entry["name"], entry["title"])
    metrics, provenance = save_run(run, make_hostile(run.collect()), summary)
    build_leaderboard(metrics, provenance, tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    for name in ("curves", "ranks", "size"):
        shown(tab, name)
        names = tab.locator(f"#{name}-plot").evaluate(
            "box => [...box.querySelectorAll('text')].map(text => text.textContent)"
        )
        assert {"<b>y</b> %{x} &lt;z", "<sub>s</sub><br>$x^2$"} <= set(names)
        assert tab.locator(f"#{name}-plot a[href]").count() == 0
    shown(tab, "curves")
    assert hover(tab, "curves", "&lt;b&gt;y&lt;/b&gt; %{x} &amp;lt;z")[0].startswith("<b>y</b> %{x} &lt;z50%")
    tab.click(".card[data-target=n2m4]")
    traces = {trace["name"]: trace for trace in shown(tab, "ranks")}
    assert "&lt;script&gt;" in traces["failed"]["text"][0]
    assert tab.evaluate("window.hacked") is None


def test_the_library_runs_when_the_first_plot_comes_near(visit, address):
    tab = visit(address, viewport={"width": 1400, "height": 300})
    tab.wait_for_selector(".card")
    assert tab.evaluate("typeof Plotly") == "undefined"
    shown(tab, "curves")
    assert tab.evaluate("Plotly.version") == get_plotlyjs_version()


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
    copies = [
        frame[frame["method"] != "dense"].assign(method=lambda f, i=i: f["method"] + f"@nsamples={i}")
        for i in range(1, 12)
    ]
    files = tmp_path / "metrics.csv", tmp_path / "provenance.json"
    write_run(pd.concat([frame, *copies]), read_run(*run_files), *files)
    build_leaderboard(*files, tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    names = {trace["name"] for trace in shown(tab, "curves")} - {None, "Dense"}
    panel = next(panel for panel in panels(Source.read(*files)) if panel.metric == "perplexity")
    assert len(names) == 13
    assert {METHODS[name.partition("@")[0]][0] if "@" not in name else name for name in panel.placed()[:12]} <= names
    assert "Of 72 methods the 12 of the best mean place" in tab.locator("#curves-note").inner_text()
    shown(tab, "ranks")
    assert "The first 40 of 72 rows." in tab.locator("#ranks-note").inner_text()
    grey = [trace for trace in shown(tab, "size") if trace["name"] == "other methods"]
    finished = (scored(files, *TEXT)["status"] == "ok").sum() - 1
    drawn = sum(len(trace["x"]) for trace in shown(tab, "size") if trace["customdata"]) - 1
    assert (len(grey), drawn) == (1, finished)
