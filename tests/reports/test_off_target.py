"""A cell that removes another share of the weights than its target asks for says so: it is no equal of the others."""

import pytest

from prunebench.reports.build import build_all
from tests.reports.compiling import compiled, needs_latex
from tests.reports.conftest import save_run
from tests.results.example import make_run

METHODS = ("dense", "random", "wanda", "sparsegpt")


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Of a run in which Wanda removes 25 % at 20 %, and SparseGPT as much more as a row of weights may be."""
    folder = tmp_path_factory.mktemp("run")
    run = make_run(folder, methods=METHODS, targets=("u50", "s20"), models=("gpt2",))
    frame = run.collect()
    for method, share in (("wanda", 0.25), ("sparsegpt", 0.209)):
        rows = (frame["method"] == method) & (frame["target"] == "s20") & (frame["metric"] == "sparsity")
        assert rows.sum() == 1
        frame.loc[rows, "value"] = str(share)
    build_all(*save_run(run, frame), folder / "reports")
    return folder / "reports"


def test_its_row_in_the_leaderboard_does(visit, reports):
    tab = visit((reports / "leaderboard.html").as_uri())
    tab.locator(".card[data-target=s20]").click()
    marked = tab.locator("#body tr:not(.details)", has_text="removes")
    assert marked.evaluate_all("rows => rows.map(row => row.dataset.method)") == ["wanda"]
    assert "removes 25.0%" in marked.inner_text()
    tab.locator(".card[data-target=u50]").click()
    assert marked.count() == 0


def test_its_methods_page_does(reports):
    page = (reports / "methods/wanda.html").read_text()
    assert page.count('<span class="tag">removes 25 %</span>') == 2  # in the overview and above the cell
    assert "removes" not in (reports / "methods/sparsegpt.html").read_text().partition('<h2 id="results-1">')[2]


@needs_latex
def test_tables_mark_it_and_say_what_the_mark_means(reports):
    text = (reports / "tables/gpt2-perplexity-wiki-sample.tex").read_text()
    marked = [line.partition(" & ")[0] for line in text.splitlines() if r"\rlap" in line]
    assert marked == ["Wanda"]
    assert r"asks for (Wanda 25.0\% for 20\% structured)" in text
    compiled(reports / "tables/all.tex")
