"""The leaderboard in a real browser."""

import re
from urllib.parse import urlencode

import pandas as pd
import pytest

from prunebench.reports.build import build_leaderboard
from prunebench.reports.source import Source
from prunebench.results.runfiles import read_run, write_run
from tests.reports.conftest import amend, column, methods, save_run
from tests.reports.hostile import HTML, TEXTS, make_hostile, make_hostile_titles
from tests.results.example import FAILURES, METHODS, make_run


def sorted_methods(run_files, target, metric="perplexity", dataset="wiki-sample", model="smollm2-135m"):
    frame = Source.read(*run_files).metrics
    rows = frame[(frame["model"] == model) & (frame["metric"] == metric) & (frame["dataset"] == dataset)]
    rows = rows[(rows["target"] == target)]
    ok = rows[rows["status"] == "ok"].sort_values("number", ascending=metric == "perplexity")
    return list(ok["method"]), list(rows.loc[rows["status"] != "ok", "method"])


def test_it_opens_on_the_answer(visit, address, run_files):
    tab = visit(address)
    best, _ = sorted_methods(run_files, "u50")
    assert methods(tab) == ["dense", *best]
    for target in ("u50", "u60", "u70", "n2m4"):
        winner = METHODS[sorted_methods(run_files, target)[0][0]][0]
        card = tab.locator(f".card[data-target={target}]")
        assert card.locator(".winner").inner_text() == winner
    assert "separated from all others" in tab.locator(".card[data-target=u50]").inner_text()
    assert tab.locator("#caption").inner_text() == "Perplexity of SmolLM2 135M on wiki-sample (10 windows), 50%"


def test_what_cannot_be_separated_from_the_best_is_named(visit, address, run_files):
    tab = visit(address)
    tab.select_option("#model", "opt-tiny")
    text = tab.locator(".card[data-target=u70]").inner_text()
    frame = Source.read(*run_files).metrics
    ranks = frame[(frame["model"] == "opt-tiny") & (frame["target"] == "u70") & (frame["metric"] == "rank")
                  & (frame["dataset"] == "perplexity/wiki-sample") & (frame["low"] == 1)]  # fmt: skip
    unbeaten = {METHODS[method][0] for method in ranks["method"]}
    assert len(unbeaten) > 1
    rivals = unbeaten - {tab.locator(".card[data-target=u70] .winner").inner_text()}
    assert set(text.partition("not separable from ")[2].splitlines()[0].split(", ")) == rivals
    assert "1 of 5 failed" in text


def test_a_card_says_how_good_how_sure_and_out_of_how_many(visit, address, run_files):
    tab = visit(address)
    frame = Source.read(*run_files).metrics.query("model == 'smollm2-135m' and dataset == 'wiki-sample'")
    frame = frame[(frame["metric"] == "perplexity") & (frame["status"] == "ok")]
    dense = frame.query("method == 'dense'")["number"].iloc[0]
    for target in ("u50", "u70", "n2m4"):
        rows = frame[frame["target"] == target]
        best = rows.loc[rows["number"].idxmin()]
        text = tab.locator(f".card[data-target={target}]").inner_text()
        assert f"{best['number']:.2f} {best['low']:.2f} – {best['high']:.2f}" in text
        assert f"×{best['number'] / dense:.2f} vs dense" in text
        assert f"best of {len(rows) - 1} compared" in text  # the control is none of them
        assert "clear" in text
        assert "separated from all others" in text
    tab.select_option("#model", "opt-tiny")
    text = tab.locator(".card[data-target=u70]").inner_text()
    assert "tied" in text
    assert "not separable" in text


def test_a_card_says_where_another_metric_disagrees(visit, address, run_files):
    tab = visit(f"{address}#model=opt-tiny&metric=acc%2Fmean")
    frame = Source.read(*run_files).metrics.query("model == 'opt-tiny'")
    ranks = frame[(frame["metric"] == "rank") & (frame["low"] == 1)]
    checked = set()
    for target in ("u50", "u60", "u70", "n2m4"):
        card = tab.locator(f".card[data-target={target}]")
        winner = next(name for name, (title, *_) in METHODS.items() if title == card.locator(".winner").inner_text())
        for text in ("wiki-sample", "sotu-recent"):
            unbeaten = set(ranks[(ranks["target"] == target) & (ranks["dataset"] == f"perplexity/{text}")]["method"])
            agreed, _, rest = card.locator(".elsewhere").inner_text().partition("; ")
            said = agreed if agreed.startswith("also unbeaten on") else rest and agreed + rest
            assert (text in agreed and agreed.startswith("also unbeaten on")) == (winner in unbeaten), (target, said)
            checked.add(winner in unbeaten)
    assert checked == {True, False}


def test_ranks_that_are_shared_hold_together_and_are_explained(visit, address, run_files):
    tab = visit(f"{address}#target=u70")
    frame = Source.read(*run_files).metrics.query("model == 'smollm2-135m' and target == 'u70' and metric == 'rank'")
    frame = frame[(frame["dataset"] == "perplexity/wiki-sample") & (frame["status"] == "ok")]
    shared = frame[frame["number"].duplicated(keep=False)]
    assert len(shared) == 3
    tied = tab.locator("#body tr.tied").evaluate_all("rows => rows.map(row => row.dataset.method)")
    assert set(tied) == set(shared["method"])
    assert tab.locator("#body tr.tied td").first.inner_text().startswith(f"{shared['value'].iloc[0]}=")
    example = tab.locator("#example").inner_text()
    for method in shared["method"]:
        assert METHODS[method][0] in example
    assert f"share rank {shared['value'].iloc[0]}" in example
    assert "Random has rank 5" in example
    tags = tab.locator("#body tr:has(.tag)").evaluate_all("rows => rows.map(row => row.dataset.method)")
    assert tags == ["dense", "random"]


def test_methods_link_to_their_pages(visit, address, run_files, tmp_path):
    tab = visit(address)
    line = tab.locator("#body tr[data-method=wanda]")
    assert line.locator("a").get_attribute("href") == "methods/wanda.html"
    line.locator("button.method").click()
    links = tab.locator("#body tr.details a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert links == ["methods/wanda.html#laptop-512/smollm2-135m/wanda/seed0/u50", "methods/wanda.html"]
    amend(run_files, tmp_path / "provenance.json", {"methods": []})
    build_leaderboard(run_files[0], tmp_path / "provenance.json", tmp_path / "page.html")
    assert visit((tmp_path / "page.html").as_uri()).locator("#body a").count() == 0


def test_any_column_sorts_both_ways_with_dense_first_and_failures_last(visit, address, run_files):
    tab = visit(address)
    tab.click(".card[data-target=u70]")
    best, failed = sorted_methods(run_files, "u70")
    assert failed == ["magnitude"]
    assert methods(tab) == ["dense", *best, *failed]
    head = tab.locator("th[data-key=value]")
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert methods(tab) == ["dense", *reversed(best), *failed]
    for key in tab.locator("#head th:has(button)").evaluate_all("heads => heads.map(head => head.dataset.key)"):
        for _ in range(2):
            tab.locator(f"th[data-key={key}] button").click()
            assert methods(tab)[0] == "dense"
            assert tab.locator("#head th[aria-sort=ascending], #head th[aria-sort=descending]").count() == 1
    tab.locator("#head th[data-key=method] button").click()
    titles = column(tab, "method")[1:]
    if tab.locator("th[data-key=method]").get_attribute("aria-sort") == "descending":
        titles.reverse()
    assert titles == sorted((title for title, *_ in list(METHODS.values())[1:]), key=str.lower)


def test_accuracy_has_the_highest_on_top(visit, address, run_files):
    tab = visit(address)
    tab.select_option("#metric", "acc/piqa")
    values = [float(value) for value in column(tab, "value")[1:]]
    assert values == sorted(values, reverse=True)
    assert tab.locator("th[data-key=value]").get_attribute("aria-sort") == "descending"
    best, _ = sorted_methods(run_files, "u50", "acc", "piqa")
    frame = Source.read(*run_files).metrics
    top = frame[(frame["metric"] == "acc") & (frame["dataset"] == "piqa") & (frame["method"] == best[0])
                & (frame["model"] == "smollm2-135m") & (frame["target"] == "u50")]  # fmt: skip
    assert values[0] == pytest.approx(100 * top["number"].iloc[0], abs=0.05)


def test_search_and_filters_narrow_the_rows_and_reset_brings_them_back(visit, address):
    tab = visit(address)
    tab.click(".card.all")
    everything = len(methods(tab))
    assert everything == 1 + 6 * 4
    tab.fill("#query", "stade bias")
    assert set(methods(tab)[1:]) == {"stade_nobias"}
    assert "4 of 24 rows" in tab.locator("#summary").inner_text()
    tab.fill("#query", "no such thing")
    assert methods(tab) == ["dense"]
    tab.click("#reset")
    assert len(methods(tab)) == everything
    tab.select_option("#pattern", "n:m")
    assert set(column(tab, "target")[1:]) == {"2:4"}
    tab.select_option("#family", "control")
    assert methods(tab) == ["dense", "random"]
    tab.click("#reset")
    tab.select_option("#status", "rejected")
    assert methods(tab) == ["dense", "stade"]
    tab.fill("#query", "up_proj")  # a word of the reason
    assert methods(tab) == ["dense", "stade"]
    tab.select_option("#origin", "human")
    assert methods(tab) == ["dense", "stade"]


def test_failures_show_status_and_reason(visit, address):
    tab = visit(address)
    for (model, method, target, kind), (_, reason) in FAILURES.items():
        if kind in (None, "perplexity"):
            tab.select_option("#model", model)
            tab.click(f".card[data-target={target}]")
            assert reason in tab.locator(f"#body tr[data-method={method}]").inner_text()
    tab.locator("details.failures summary").click()
    assert tab.locator("details.failures li").count() == len(FAILURES)
    assert "OPT tiny, trained here, Random, 2:4" in tab.locator("details.failures").inner_text()


def test_a_row_opens_to_its_text_and_all_its_numbers(visit, address, run_files):
    tab = visit(address)
    toggle = tab.locator("#body tr[data-method=wanda] button.method")
    assert toggle.get_attribute("aria-expanded") == "false"
    toggle.focus()
    tab.keyboard.press("Enter")
    assert toggle.get_attribute("aria-expanded") == "true"
    assert toggle.evaluate("element => element === document.activeElement")
    details = tab.locator("#body tr.details")
    frame = Source.read(*run_files).metrics
    row = frame[(frame["metric"] == "continuation") & (frame["model"] == "smollm2-135m") & (frame["method"] == "wanda")
                & (frame["target"] == "u50")].iloc[0]  # fmt: skip
    assert row["value"].split()[-1] in details.locator(".text").inner_text()
    assert "University is" in details.locator(".text").inner_text()
    for word in ("Accuracy, piqa", "Peak memory, prune", "Measured sparsity", "50.0%", "rank"):
        assert word in details.inner_text()
    tab.keyboard.press("Enter")
    assert tab.locator("#body tr.details").count() == 0


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_texts_do_nothing(visit, tmp_path):
    run = make_run(tmp_path)
    frame = make_hostile(run.collect())
    frame = pd.concat([frame, frame.assign(protocol=HTML)])
    build_leaderboard(*save_run(run, frame, make_hostile_titles(run.summary())), tmp_path / "page.html")
    tab = visit(f"{(tmp_path / 'page.html').as_uri()}#{urlencode({'query': HTML, 'model': HTML, 'columns': HTML})}")
    assert tab.locator("#query").input_value() == HTML
    tab.click("#reset")
    tab.select_option("#protocol", HTML)
    tab.click("#picker summary")
    tab.click(".card.all")
    for button in tab.locator("#body button.method").all():
        button.click()
    tab.select_option("#model", "opt-tiny")
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("img").count() == 0
    shown = tab.locator("body").inner_text()
    assert "onerror='window.hacked=2'" in shown
    assert any(re.sub(r"\s+", " ", text) in re.sub(r"\s+", " ", shown) for text in TEXTS)


def test_two_thousand_cells_can_be_searched(visit, tmp_path, run_files):
    source = Source.read(*run_files)
    frame = source.metrics[list(source.metrics.columns[:17])]
    copies = [frame.assign(model=frame["model"] + f"-{i}") for i in range(40)]
    frame = pd.concat(copies).query("metric != 'perplexity' or dataset == ''")
    files = tmp_path / "metrics.csv", tmp_path / "provenance.json"
    write_run(frame, read_run(*run_files), *files)
    build_leaderboard(*files, tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    assert "2000 cells" in tab.locator(".lead").inner_text()
    tab.evaluate("() => { window.started = performance.now(); }")
    tab.click(".card.all")
    tab.fill("#query", "wanda")
    assert len(methods(tab)) == 5
    assert tab.evaluate("() => performance.now() - window.started") < 10_000


def test_the_mark_of_a_domain_the_model_saw_comes_and_goes_with_the_metric(run_files, visit, tmp_path):
    overlap = {"model": "opt-tiny", "dataset": "sotu-recent", "use": "training", "domain": "speeches"}
    provenance, path = tmp_path / "provenance.json", tmp_path / "page.html"
    amend(run_files, provenance, {"overlaps": [overlap]})
    build_leaderboard(run_files[0], provenance, path)
    tab = visit(f"{path.as_uri()}#model=opt-tiny")
    assert tab.locator("#overlap").is_hidden()
    tab.select_option("#metric", "perplexity/sotu-recent")
    assert tab.locator("#overlap").inner_text().startswith("† In-domain: trained on text of the same domain (speeches)")
    assert "†" in tab.locator("#caption").inner_text()


def test_only_the_methods_that_were_fine_tuned_on_the_domain_are_marked(run_files, visit, tmp_path):
    overlap = {"model": "opt-tiny", "dataset": "sotu-recent", "use": "fine-tuning", "domain": "speeches"}
    provenance, path = tmp_path / "provenance.json", tmp_path / "page.html"
    entries = {"overlaps": [{**overlap, "method": "wanda"}]}
    amend(run_files, provenance, entries)
    build_leaderboard(run_files[0], provenance, path)
    tab = visit(f"{path.as_uri()}#model=opt-tiny")

    def marked():
        lines = tab.locator("#body tr[data-method]")
        return {line.get_attribute("data-method") for line in lines.all() if "†" in line.inner_text()}

    assert marked() == set()
    tab.select_option("#metric", "perplexity/sotu-recent")
    assert marked() == {"wanda"}
    assert tab.locator("#overlap").inner_text().startswith("† In-domain for wanda: fine-tuned on")
    for method, times in (("wanda", 2), ("sparsegpt", 0)):  # in its line and in its details
        tab.locator(f"tr[data-method={method}] button.method").click()
        shown = tab.locator(f"tr[data-method={method}], tr[data-method={method}] + tr.details").all_inner_texts()
        assert "".join(shown).count("†") == times
