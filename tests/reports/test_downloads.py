"""What is shown, as files: made by the page itself, from a file and under its policy."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from prunebench.reports.build import build_leaderboard
from prunebench.reports.latex import escape
from prunebench.reports.source import Source
from tests.reports.conftest import methods, save_run
from tests.reports.hostile import TEXTS, make_hostile, make_hostile_titles
from tests.results.example import make_run


def download(tab, what):
    with tab.expect_download() as started:
        tab.click(f"#{what}")
    return started.value.suggested_filename, Path(started.value.path()).read_bytes().decode()


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_the_numbers_of_the_metrics(visit, address, run_files):
    tab = visit(f"{address}#target=all")
    name, text = download(tab, "csv")
    assert name == "laptop-512-smollm2-135m-perplexity-wiki-sample-all.csv"
    found = rows(text)
    assert [row["method"] for row in found] == methods(tab)
    frame = Source.read(*run_files).metrics.query("model == 'smollm2-135m'")
    scores = frame[(frame["metric"] == "perplexity") & (frame["dataset"] == "wiki-sample")]
    ranks = frame[(frame["metric"] == "rank") & (frame["dataset"] == "perplexity/wiki-sample")]
    assert len(found) == len(scores) == 25
    expected = {(row.method, row.target): row for row in scores.itertuples()}
    places = {(row.method, row.target): row for row in ranks.itertuples()}
    for row in found:
        score, place = expected[row["method"], row["target"]], places.get((row["method"], row["target"]))
        numbers = [
            row["perplexity/wiki-sample"],
            *(row[f"perplexity/wiki-sample {end}"] for end in ("ci_low", "ci_high")),
        ]
        wanted = [score.number, score.low, score.high]
        assert [float(number or "nan") for number in numbers] == pytest.approx(wanted, rel=1e-5, nan_ok=True)
        assert row["perplexity/wiki-sample status"] == score.status
        assert row["perplexity/wiki-sample reason"] == score.reason
        given = [row["rank"], row["rank_best"], row["rank_worst"]]
        assert given == ([place.value, place.ci_low, place.ci_high] if place and place.status == "ok" else [""] * 3)


def test_it_has_the_rows_and_the_columns_in_view_in_their_order(visit, address):
    tab = visit(f"{address}#target=u70&query=stade&columns=method,score:acc/piqa,seconds&sort=seconds")
    found = rows(download(tab, "csv")[1])
    of_score = [f"acc/piqa {part}" for part in ("ci_low", "ci_high", "status", "reason")]
    identity = ["protocol", "model", "method", "target", "seed"]  # always, first
    assert list(found[0]) == [*identity, "title", "prune_seconds", "acc/piqa", *of_score]
    assert {tuple(row[name] for name in ("protocol", "model", "target", "seed")) for row in found[1:]} == {
        ("laptop-512", "smollm2-135m", "u70", "0")
    }
    assert [row["method"] for row in found] == methods(tab)
    seconds = [float(row["prune_seconds"]) for row in found[1:]]
    assert seconds == sorted(seconds)
    assert len(seconds) == 2


def test_coverage_is_two_whole_numbers_and_none_where_nothing_was_tried(visit, address):
    tab = visit(f"{address}#model=opt-tiny&columns=coverage")
    found = {row["method"]: row for row in rows(download(tab, "csv")[1])}
    given = {name: (row["targets_finished"], row["targets_attempted"]) for name, row in found.items()}
    assert given["sparsegpt"] == ("3", "4")
    assert given["stade"] == ("3", "3")  # it does not apply at one
    assert given["dense"] == ("", "")


def test_rows_of_other_pages_of_the_table_are_in_it(visit, address):
    tab = visit(f"{address}#target=all")
    tab.evaluate("() => { state.size = '5'; drawTable(); }")
    assert len(methods(tab)) == 1 + 5
    assert len(rows(download(tab, "csv")[1])) == 1 + 24


def test_both_sides_escape_latex_alike(visit, address):
    texts = [
        *TEXTS,
        "a--b,,c",
        "[x]*",
        "é ± 大",
        "line\nbreak\ttab\u2028end",
        "soft\u00adhyphen no\u00a0break",
        "𝔘",
        "-,-,--",
    ]
    assert visit(address).evaluate("texts => texts.map(escaped)", texts) == [escape(text) for text in texts]


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    """Titles that try to be code, formulas, tables."""
    folder = tmp_path_factory.mktemp("hostile")
    run = make_run(folder)
    summary = make_hostile_titles(run.summary())
    for entry, start in zip(summary["methods"][1:], ("=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"), strict=True):
        entry["title"] = f"{start} {entry['title']}"
    frame = make_hostile(run.collect()).assign(protocol='a,"b" \\input{x} <img src=x>')
    build_leaderboard(*save_run(run, frame, summary), folder / "page.html")
    return folder / "page.html"


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_spreadsheet_sees_no_formula(visit, hostile_page):
    tab = visit(f"{hostile_page.as_uri()}#target=all")
    found = rows(download(tab, "csv")[1])
    assert len(found) == 25
    assert len({row["title"] for row in found if row["title"].startswith("'")}) == 6
    assert not [text for row in found for text in row.values() if text[:1] in ("=", "+", "-", "@", "\t", "\r")]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex missing: the downloaded table is not compiled")
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext missing: what LaTeX prints is not read")
@pytest.mark.filterwarnings("ignore:Glyph")
def test_the_latex_table_compiles_and_prints_what_is_shown(visit, address, hostile_page, tmp_path):
    ours = download(visit(f"{address}#target=all&columns=rank,method,target,value,dense,seconds"), "latex")
    theirs = download(
        visit(f"{hostile_page.as_uri()}#target=all&columns=rank,method,value,family,score:acc/piqa"), "latex"
    )
    assert ours[0] == "laptop-512-smollm2-135m-perplexity-wiki-sample-all.tex"
    source = (
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{lmodern,booktabs,adjustbox}\\begin{document}\n"
        + ours[1] + theirs[1] + "\\end{document}"
    )  # fmt: skip
    (tmp_path / "a.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    printed = subprocess.run(
        ["pdftotext", "-layout", "a.pdf", "-"], cwd=tmp_path, check=True, capture_output=True
    ).stdout
    text = re.sub(r"\s+", " ", printed.decode())
    assert "Perplexity of SmolLM2 135M on wiki-sample (10 windows), all targets (protocol laptop-512)" in text
    assert "95% bootstrap intervals over windows" in text
    assert "at most 5% of any false separation" in text
    for words in ("STADE without bias", "Target", "2:4", "vs dense", "diverged", "2= (2–4)", "×"):
        assert words in text, words
    assert r"\input{/etc/passwd}" in text


def test_a_long_table_comes_in_parts(visit, address):
    text = visit(f"{address}#target=all").evaluate("() => { opened.clear(); return latex(); }")
    assert text.count(r"\begin{table}") == 1
    parts = visit(f"{address}#target=all").evaluate(
        "() => { const all = rowsInView(); all.push(...all.slice()); return latex(); }"
    )
    assert parts.count(r"\begin{table}") == 2
    assert "Part 2 of 2." in parts
