import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from prunebench.reports.board import board, failures
from prunebench.reports.build import build_leaderboard
from prunebench.reports.packing import packed
from prunebench.reports.panels import panels
from prunebench.reports.plots import plot_data, plotly
from prunebench.reports.source import Source
from tests.reports.conftest import amend, save_run
from tests.reports.hostile import HTML, TEXTS, make_hostile, make_hostile_titles
from tests.results.example import FAILURES, make_run


class Page(HTMLParser):
    """Collects the elements of a page, its scripts and its visible text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.data, self.text, self._open = [], [], "", "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self._open == "script":
            self.scripts[-1] += data
            self.data += data if self.elements[-1][1].get("type") == "application/json" else ""
        else:
            self.text += data

    def handle_endtag(self, tag):
        self._open = ""


@pytest.fixture(scope="module")
def page(run_files, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "leaderboard.html"
    build_leaderboard(*run_files, path)
    return path


@pytest.fixture(scope="module")
def data(run_files):
    source = Source.read(*run_files)
    return board(source, list(panels(source)))


def test_the_page_needs_nothing_from_outside(page):
    for tag, attributes in Page(page.read_text()).elements:
        assert tag not in ("iframe", "object", "embed", "base")
        for name in ("src", "href", "xlink:href", "action", "data"):
            local = ("#", "data:,", "figures/") if tag == "a" else ("#", "data:,")
            assert attributes.get(name, "#").startswith(local), (tag, attributes)
    assert page.stat().st_size - len(plotly().text.encode()) < 500_000


def test_only_the_pages_own_scripts_may_run(page):
    parsed = Page(page.read_text())
    policy = next(a["content"] for tag, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy")
    allowed = re.search(r"script-src ([^;]+);", policy)[1].split()
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in parsed.scripts]
    assert [digest for digest in hashes if f"'sha256-{digest}'" in allowed] == hashes[:2] + hashes[3:]
    assert len(allowed) == len(hashes) - 1  # all but the data
    assert "default-src 'none'" in policy


def test_the_embedded_data_is_what_the_csv_says(page, run_files, data):
    embedded = json.loads(Page(page.read_text()).data)
    source = Source.read(*run_files)
    whole = {**data, "cells": packed(data["cells"]), "plots": plot_data(panels(source))}  # see `test_packing`
    assert embedded == json.loads(json.dumps(whole))
    frame = source.metrics
    cells = {(cell["model"], cell["method"], cell["target"]): cell for cell in data["cells"]}
    ok = frame[(frame["metric"] == "acc") & (frame["status"] == "ok")]
    assert len(ok) > 100
    for row in ok.itertuples():
        values = cells[row.model, row.method, row.target]["values"][f"{row.metric}/{row.dataset}"]
        assert values[:4] == pytest.approx([row.number, row.low, row.high, row.items], rel=1e-5)
    for row in frame[(frame["metric"] == "rank") & (frame["status"] == "ok")].itertuples():
        assert cells[row.model, row.method, row.target]["values"][row.dataset][4:] == [row.number, row.low, row.high]


def test_cells_have_their_worst_status_and_it_is_counted_on_the_front(page, data):
    statuses = {(c["model"], c["method"], c["target"]): (c["status"], c["reason"]) for c in data["cells"]}
    for (model, method, target, _), outcome in FAILURES.items():
        assert statuses[model, method, target] == outcome
    assert sum(status == "ok" for status, _ in statuses.values()) == len(statuses) - len(FAILURES)
    text = Page(page.read_text()).text
    for word in ("1 diverged", "1 rejected", "1 error", "1 timeout", "1 OOM", "1 n/a", "44 ok"):
        assert word in text
    for _, reason in FAILURES.values():
        assert reason in text


def test_frequent_failures_come_first_with_some_of_their_cells():
    common = {"protocol": "p", "model": "m", "seed": 0}
    cells = [{**common, "status": "oom", "reason": "big", "method": "a", "target": "u50"}]
    cells += [
        {**common, "status": "error", "reason": "bad", "method": "b@x=1,y=2", "target": f"u{i}"} for i in range(10, 15)
    ]
    cells += [{**common, "status": "ok", "reason": "", "method": "b@x=1,y=2", "target": "u70"}]
    found = failures({"cells": cells, "models": {"m": "M"}, "methods": {"a": "A", "b@x=1,y=2": "B"}})
    assert [(failure["reason"], failure["count"]) for failure in found] == [("bad", 5), ("big", 1)]
    assert [cell["name"] for cell in found[0]["cells"]] == ["M, B, 10%", "M, B, 11%", "M, B, 12%"]
    view = "protocol=p&model=m&target=u10&open=p%2Fm%2Fb%40x%3D1%2Cy%3D2%2Fu10%2F0"
    assert found[0]["cells"][0]["view"] == view


def test_a_rank_of_a_failed_metric_is_not_shown(data):
    cell = next(c for c in data["cells"] if (c["model"], c["method"], c["target"]) == ("opt-tiny", "sparsegpt", "u70"))
    assert cell["values"] == {}
    assert set(cell["failures"]) == set(data["metrics"])


def test_the_config_orders_models_methods_and_texts(data):
    assert list(data["models"]) == ["smollm2-135m", "opt-tiny"]
    assert list(data["methods"])[:3] == ["dense", "random", "magnitude"]
    assert list(data["targets"]) == ["u50", "u60", "u70", "n2m4"]
    assert list(data["metrics"])[:3] == ["perplexity/wiki-sample", "perplexity/sotu-recent", "acc/mean"]


def test_the_same_results_make_the_same_page(run_files, page, tmp_path):
    build_leaderboard(*run_files, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_provenance_and_how_to_read_are_on_the_page(page):
    text = Page(page.read_text()).text
    for fact in ("How to read this", "transformers", "5.23.0", "Some CPU @ 2.6 GHz", "m-wanda", "max_windows", "95%"):
        assert fact in text


def test_what_ranks_and_intervals_leave_out_is_said(page):
    text = Page(page.read_text()).text
    assert "the pruned models at hand, not the methods" in text
    assert "Wanda and STADE (w/o bias) have the same criterion up to rounding" in text


def test_a_perplexity_on_a_domain_the_model_saw_is_marked(run_files, tmp_path):
    overlap = {"model": "opt-tiny", "dataset": "sotu-recent", "use": "training", "domain": "speeches"}
    provenance, path = tmp_path / "provenance.json", tmp_path / "page.html"
    amend(run_files, provenance, {"overlaps": [overlap]})
    build_leaderboard(run_files[0], provenance, path)
    parsed = Page(path.read_text())
    sentence = "In-domain: trained on text of the same domain (speeches), which flatters this perplexity"
    assert json.loads(parsed.data)["overlaps"] == {"opt-tiny/perplexity/sotu-recent": sentence}


def test_a_perplexity_on_a_domain_that_some_methods_were_fine_tuned_on_is_marked_for_them(run_files, tmp_path):
    tuned = {"model": "opt-tiny", "dataset": "sotu-recent", "use": "fine-tuning", "domain": "speeches"}
    entries = [{**tuned, "method": "wanda"}, {**tuned, "method": "stade"}]
    provenance, path = tmp_path / "provenance.json", tmp_path / "page.html"
    amend(run_files, provenance, {"overlaps": entries})
    build_leaderboard(run_files[0], provenance, path)
    parsed = Page(path.read_text())
    data, key = json.loads(parsed.data), "opt-tiny/perplexity/sotu-recent"
    how = "fine-tuned on text of the same domain (speeches), which flatters this perplexity"
    assert data["overlaps"] == {key: f"In-domain for wanda and stade: {how}"}
    assert data["flattered"] == {key: ["wanda", "stade"]}
    both = [*entries, {**tuned, "use": "calibration"}]
    amend(run_files, provenance, {"overlaps": both})
    build_leaderboard(run_files[0], provenance, path)
    data = json.loads(Page(path.read_text()).data)
    general = f"In-domain: {how.replace('fine-tuned', 'calibrated')}"
    assert data["overlaps"] == {key: f"{general}. In-domain for wanda and stade: {how}"}
    assert data["flattered"] == {}


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_texts_stay_texts(tmp_path):
    run = make_run(tmp_path)
    metrics, provenance = save_run(run, make_hostile(run.collect()), make_hostile_titles(run.summary()))
    path = tmp_path / "page.html"
    build_leaderboard(metrics, provenance, path)
    parsed = Page(path.read_text())
    assert len(parsed.scripts) == 4
    assert not [tag for tag, _ in parsed.elements if tag == "img"]
    assert not [attributes for _, attributes in parsed.elements if any(name.startswith("on") for name in attributes)]
    assert HTML in parsed.text
    embedded = json.loads(parsed.data)
    texts = {text for of_cell in embedded["cells"]["texts"] for _, text in of_cell}
    assert set(TEXTS) <= texts


def test_a_run_without_any_result_still_has_a_page(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    for record in tmp_path.rglob("*.json"):
        record.unlink()
    path = tmp_path / "page.html"
    build_leaderboard(*save_run(run), path)
    assert "2 error" in Page(path.read_text()).text
