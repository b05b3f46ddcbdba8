import shutil

import numpy as np
import pandas as pd
import pytest

from prunebench.reports.build import build_leaderboard
from prunebench.results.runfiles import read_run, write_run
from prunebench.sealed import write_sealed_json
from tests.results.example import make_run


def save_run(run, frame=None, summary=None):
    """Write what `collect` leaves, or another table or summary; returns the two files."""
    paths = run.root / "results/metrics.csv", run.root / "results/provenance.json"
    write_run(run.collect() if frame is None else frame, summary or run.summary(), *paths)
    return paths


def amend(run_files, provenance, changes):
    """Write the run's `provenance.json` with some keys changed to `provenance`."""
    write_sealed_json(provenance, read_run(*run_files) | changes)


@pytest.fixture(scope="session")
def run_files(tmp_path_factory):
    """`metrics.csv` and `provenance.json` of the example run."""
    return save_run(make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="session")
def address(run_files, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "leaderboard.html"
    build_leaderboard(*run_files, path)
    return path.as_uri()


@pytest.fixture(scope="session")
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
        for metric, times in (("prefill_speedup", 1), ("decode_speedup", 2))
    ]
    smaller = rows[rows["pattern"] == "structured"]
    left = smaller.assign(metric="parameters", value=[float(int(1e8 * (1 - share))) for share in smaller["sparsity"]])
    whole = frame[(frame["metric"] == "sparsity") & (frame["target"] == "u00")].assign(metric="parameters", value=1e8)
    return save_run(run, pd.concat([frame, *added, left, whole]))


@pytest.fixture(scope="session")
def measured(timed, tmp_path_factory):
    """The address of its page."""
    path = tmp_path_factory.mktemp("page") / "leaderboard.html"
    build_leaderboard(*timed, path)
    return path.as_uri()


@pytest.fixture(scope="module")  # not longer: while its driver runs, nothing else in the process can run a loop
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright missing: no page is tried in a browser")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no chromium: no page is tried in a browser")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"], headless=True
        )
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Opens an address; at the end of the test nothing may have been complained about or fetched."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    complaints, requests, visited = [], [], set()

    def opened(address, **settings):
        tab = (browser.new_context(**settings) if settings else context).new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        visited.add(address.partition("#")[0])
        tab.goto(address)
        return tab

    yield opened
    context.close()
    assert complaints == []
    own = ("data:", "blob:null/")  # what a page makes itself
    assert {url.partition("#")[0] for url in requests if not url.startswith(own)} <= visited
    assert all(url.startswith(("file:", *own)) for url in requests)


def column(tab, key):
    """The texts of one column, dense row first."""
    index = tab.locator("#head th").evaluate_all(
        "(heads, key) => heads.findIndex(head => head.dataset.key === key)", key
    )
    texts = (
        "(rows, i) => rows.map(({children: cells}) => (cells[i].querySelector('bdi, strong') ?? cells[i]).textContent)"
    )
    return tab.locator("#body tr:not(.details)").evaluate_all(texts, index)


def methods(tab):
    return tab.locator("#body tr:not(.details)").evaluate_all("rows => rows.map(row => row.dataset.method)")
