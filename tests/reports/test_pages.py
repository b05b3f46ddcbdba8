"""A table of more rows than are shown at once, in a real browser."""

import pandas as pd
import pytest

from prunebench.reports.build import build_leaderboard
from prunebench.reports.source import Source
from prunebench.results.runfiles import read_run, write_run
from tests.reports.conftest import column, methods


@pytest.fixture(scope="module")
def large(run_files, tmp_path_factory):
    """The page of 10,080 cells of one model, in 2,520 methods."""
    frame = Source.read(*run_files).metrics
    frame = frame[list(frame.columns[:17])].query("model == 'smollm2-135m' and metric != 'perplexity'")
    frame = frame[frame["metric"].isin(["acc", "rank", "sparsity", "continuation"])]
    dense, pruned = frame.query("method == 'dense'"), frame.query("method != 'dense'")
    copies = [pruned.assign(method=pruned["method"] + f"@nsamples={i}") for i in range(1, 421)]
    folder = tmp_path_factory.mktemp("large")
    files = folder / "metrics.csv", folder / "provenance.json"
    write_run(pd.concat([dense, *copies]), read_run(*run_files), *files)
    build_leaderboard(*files, folder / "page.html")
    return folder / "page.html"


def shown_rows(tab):
    return tab.locator("#body tr:not(.details)").count() - 1  # without the dense one


def test_ten_thousand_rows_come_in_pages(visit, large):
    assert large.stat().st_size < 15_000_000
    tab = visit(f"{large.as_uri()}#metric=acc%2Fpiqa&target=all")
    assert "10080 of 10080 rows, here 1 to 100" in tab.locator("#summary").inner_text()
    assert shown_rows(tab) == 100
    assert tab.locator("#page").input_value() == "1"
    tab.click("#next")
    assert "here 101 to 200" in tab.locator("#summary").inner_text()
    assert methods(tab)[0] == "dense"
    assert tab.locator("#next").evaluate("element => element === document.activeElement")
    again = visit(tab.evaluate("location.href"))
    assert again.locator("#page").input_value() == "2"
    assert methods(again) == methods(tab)
    tab.select_option("#page", "101")
    assert shown_rows(tab) == 80
    assert tab.locator("#next").get_attribute("aria-disabled") == "true"
    tab.locator("#next").focus()
    tab.keyboard.press("Enter")
    assert tab.locator("#page").input_value() == "101"
    tab.select_option("#size", "500")
    assert tab.locator("#page").input_value() == "1"
    assert shown_rows(tab) == 500
    last = visit(f"{large.as_uri()}#metric=acc%2Fpiqa&target=all&page=99999")
    assert last.locator("#page").input_value() == "101"
    assert "page=101" in last.evaluate("location.hash")
    last.select_option("#size", "500")
    assert last.locator("#page").input_value() == "1"


def test_sorting_and_searching_reach_the_rows_of_other_pages(visit, large):
    tab = visit(f"{large.as_uri()}#metric=acc%2Fpiqa&target=all")
    best = max(map(float, column(tab, "value")[1:]))
    tab.select_option("#page", "7")
    tab.locator("th[data-key=value] button").click()
    assert tab.locator("#page").input_value() == "1"
    worst = max(map(float, column(tab, "value")[1:]))
    assert worst < best
    tab.fill("#query", "stade_nobias@nsamples=417")
    assert set(methods(tab)[1:]) == {"stade_nobias@nsamples=417"}
    assert shown_rows(tab) == 4
    assert tab.locator("#pager").is_hidden()
    tab.click("#reset")
    tab.select_option("#status", "rejected")
    assert "420 of 10080 rows, here 1 to 100" in tab.locator("#summary").inner_text()


def test_nobody_waits_for_ten_thousand_rows(visit, large):
    tab = visit(f"{large.as_uri()}#metric=acc%2Fpiqa&target=all")
    ready = "() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    assert tab.evaluate(ready) < 10_000
    for act in (
        "document.querySelector('th[data-key=coverage] button').click()",
        "document.querySelector('th[data-key=method] button').click()",
        "const q = document.querySelector('#query'); q.value = 'wanda 41'; q.dispatchEvent(new Event('input'))",
        "document.querySelector('#reset').click()",
        "document.querySelector('#next').click()",
        "document.querySelector('#boxes input[value=origin]').click()",
        "const m = document.querySelector('#metric'); m.value = 'acc/mean'; m.dispatchEvent(new Event('change'))",
        "csv(); latex()",
    ):
        timed = f"const start = performance.now(); {act}; document.body.offsetHeight; return performance.now() - start"
        took = tab.evaluate(f"() => {{ {timed} }}")
        assert took < 5_000, act  # a tenth of a second, when nothing else runs


def test_a_small_board_has_no_pages(visit, address):
    tab = visit(address)
    tab.click(".card.all")
    assert tab.locator("#pager").is_hidden()
    assert "here" not in tab.locator("#summary").inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_what_has_the_focus_is_not_hidden_by_the_pager(visit, large, width):
    tab = visit(f"{large.as_uri()}#metric=acc%2Fpiqa&target=all", viewport={"width": width, "height": 800})
    hidden = """buttons => buttons.filter(button => {
        button.focus();
        return button.getBoundingClientRect().bottom > document.querySelector('#pager').getBoundingClientRect().top;
    }).length"""
    assert tab.locator("#body button.method").evaluate_all(hidden) == 0


def test_rows_say_which_of_all_they_are(visit, large):
    tab = visit(f"{large.as_uri()}#metric=acc%2Fpiqa&target=all&page=3")
    assert tab.locator("#table").get_attribute("aria-rowcount") == "10082"  # with the head and the dense model
    numbers = "rows => rows.map(row => Number(row.getAttribute('aria-rowindex')))"
    assert tab.locator("#table tr").evaluate_all(numbers) == [1, 2, *range(203, 303)]
    tab.fill("#query", "stade_nobias@nsamples=417")
    assert tab.locator("#table").get_attribute("aria-rowcount") == "6"
    assert tab.locator("#table tr").evaluate_all(numbers) == [1, 2, 3, 4, 5, 6]


def test_a_print_has_all_rows_and_the_screen_its_page_again(visit, large):
    tab = visit(f"{large.as_uri()}#metric=acc%2Fpiqa&target=all&page=2")
    tab.fill("#query", "sparsegpt")
    assert shown_rows(tab) == 100
    tab.click("#next")
    before = methods(tab)
    tab.evaluate(
        "addEventListener('beforeprint', () => { window.printed = document.querySelectorAll('#body tr').length; })"
    )
    tab.pdf()
    assert tab.evaluate("window.printed") == 1 + 420 * 4
    assert methods(tab) == before
    assert tab.locator("#page").input_value() == "2"
