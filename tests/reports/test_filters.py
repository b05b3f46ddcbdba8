"""Narrowing the rows and choosing the columns."""

import pandas as pd
import pytest

from prunebench.reports.build import build_leaderboard
from prunebench.results.runfiles import read_run, write_run
from tests.reports.conftest import column, methods, save_run
from tests.results.example import make_run

OTHER = "wide-2048"


@pytest.fixture(scope="module")
def varied(run_files, tmp_path_factory):
    """A page of two protocols, of which the second has one model and one text, and of methods of every origin."""
    frame = pd.read_csv(run_files[0], dtype=object, keep_default_na=False)
    frame.loc[frame["method"] == "stade", "origin"] = "llm-idea"
    frame.loc[frame["method"] == "wanda", "origin"] = "llm"
    second = frame.query("model == 'opt-tiny' and (metric != 'perplexity' or dataset == 'wiki-sample')")
    second = second[second["metric"].isin(["perplexity", "sparsity"])].assign(protocol=OTHER)
    second.loc[second["metric"] == "perplexity", "value"] = second["value"].where(second["value"] == "", "7.5")
    folder = tmp_path_factory.mktemp("varied")
    files = folder / "metrics.csv", folder / "provenance.json"
    run = read_run(*run_files)
    run["protocols"][OTHER] = {"title": "Two thousand tokens"}
    write_run(pd.concat([frame, second]), run, *files)
    build_leaderboard(*files, folder / "page.html")
    return (folder / "page.html").as_uri()


def test_each_filter_leaves_what_it_names(visit, varied):
    tab = visit(f"{varied}#target=all")
    frame = {"family": ("control", {"random"}), "origin": ("llm-idea", {"stade"})}
    for key, (value, left) in frame.items():
        tab.select_option(f"#{key}", value)
        assert set(methods(tab)[1:]) == left
        tab.select_option(f"#{key}", "")
    tab.select_option("#pattern", "n:m")
    assert set(column(tab, "target")[1:]) == {"2:4"}
    tab.select_option("#pattern", "")
    tab.select_option("#status", "diverged")
    assert methods(tab) == ["dense", "magnitude"]
    tab.select_option("#status", "ok")
    assert len(methods(tab)) == 1 + 24 - 2
    tab.click("#reset")
    tab.select_option("#target", "u60")
    assert tab.locator(".card[aria-pressed=true]").get_attribute("data-target") == "u60"
    assert len(methods(tab)) == 1 + 6


def test_origins_are_words(visit, varied):
    tab = visit(f"{varied}#columns=origin")
    words = {"human", "LLM idea", "LLM-written"}
    assert set(column(tab, "origin")) == words
    assert set(tab.locator("#origin option").all_inner_texts()) == {"all", *words}
    tab.fill("#query", "llm-written")
    assert methods(tab) == ["dense", "wanda"]


def test_protocols_are_never_mixed(visit, varied):
    tab = visit(varied)
    assert tab.locator("#protocol option").all_inner_texts() == [
        "laptop-512: Small enough for a laptop", "wide-2048: Two thousand tokens",
    ]  # fmt: skip
    assert "protocol laptop-512" in tab.locator("#caption").inner_text()
    tab.select_option("#metric", "acc/piqa")
    tab.select_option("#protocol", OTHER)
    # Neither the model nor the metric in view exists there.
    assert tab.locator("#model option").evaluate_all("all => all.map(one => one.value)") == ["opt-tiny"]
    assert tab.locator("#metric option").evaluate_all("all => all.map(one => one.value)") == ["perplexity/wiki-sample"]
    assert set(column(tab, "value")) == {"7.50"}
    assert all("7.50" in card for card in tab.locator(".card:not(.all) .measure").all_inner_texts())
    tab.go_back()
    assert tab.locator("#metric").input_value() == "acc/piqa"
    assert "7.50" not in tab.locator("#board").inner_text()


def test_a_page_of_one_protocol_does_not_ask_for_it(visit, address):
    assert visit(address).locator("#protocol").is_hidden()


def test_several_seeds_have_a_column_and_their_mean_a_card(visit, tmp_path):
    run = make_run(tmp_path, methods=("dense", "random", "wanda"), targets=("u50",), models=("opt-tiny",), seeds=(0, 1))
    build_leaderboard(*save_run(run), tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    assert sorted(column(tab, "seed")[1:]) == ["0", "0", "1", "1"]
    card = tab.locator(".card[data-target=u50]").inner_text()
    assert "Wanda" in card
    assert "mean of 2 seeds" in card
    assert "the only method compared" in card


def test_a_page_without_any_result_shows_why(visit, tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    for record in tmp_path.rglob("*.json"):
        record.unlink()
    build_leaderboard(*save_run(run), tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    assert "no method finished" in tab.locator(".card[data-target=u50]").inner_text()
    assert "is absent" in tab.locator("#body tr[data-method=wanda]").inner_text()


def test_columns_are_picked_and_sorted_by(visit, address):
    tab = visit(address)
    tab.click("#picker summary")
    assert tab.get_by_label("Method", exact=True).is_disabled()
    usual = tab.locator("#head th").evaluate_all("heads => heads.map(head => head.dataset.key)")
    tab.get_by_label("Coverage", exact=True).uncheck()
    tab.get_by_label("Accuracy (%), arc_easy", exact=True).check()
    tab.get_by_label("Peak memory, perplexity", exact=True).check()
    shown = tab.locator("#head th").evaluate_all("heads => heads.map(head => head.dataset.key)")
    added = {"score:acc/arc_easy", "cost:peak_memory_gb/perplexity"}
    assert set(shown) == set(usual) - {"coverage"} | added
    tab.locator("th[data-key='score:acc/arc_easy'] button").click()
    values = [float(text) for text in column(tab, "score:acc/arc_easy")[1:]]
    assert values == sorted(values, reverse=True)  # the best first
    tab.locator("th[data-key='score:acc/arc_easy'] button").click()
    assert [float(text) for text in column(tab, "score:acc/arc_easy")[1:]] == sorted(values)
    tab.click("#fitting")
    assert tab.locator("#head th").evaluate_all("heads => heads.map(head => head.dataset.key)") == usual


def test_a_picked_metric_that_failed_says_so_and_stays_last(visit, address):
    tab = visit(f"{address}#model=opt-tiny&columns=value,score:acc/piqa&sort=score:acc/piqa")
    assert column(tab, "score:acc/piqa")[-1] == "OOM"
    tab.locator("th[data-key='score:acc/piqa'] button").click()
    assert column(tab, "score:acc/piqa")[-1] == "OOM"
