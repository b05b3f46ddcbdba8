"""What stands in the cells, against values worked out by hand."""

import csv
import re
from copy import deepcopy
from math import log
from pathlib import Path
from typing import Any

import pytest

from prunebench.reports.paper.build import build_paper
from prunebench.reports.templating import asset
from tests.reports.compiling import compiled, needs_latex
from tests.reports.hostile import HTML, LATEX, MATH
from tests.reports.paper.small import LAYOUT, ROWS, write_paper, write_run


def cells(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {(line["row"], line["column"]): line for line in csv.DictReader(file)}


def test_our_value_stands_beside_the_published_one_with_the_relative_difference(built: Path) -> None:
    found = cells(built / "table1.csv")
    assert len(found) == 9
    cell = found["50%", "Measured"]
    assert (cell["ours"], cell["published"], cell["difference"]) == ("25.0", "20.0", "0.25")
    assert found["0%", "Measured"]["difference"] == "0"
    text = (built / "table1.tex").read_text()
    assert r"25.00\\[-0.4ex]{\scriptsize 20.0 +25.0\%}" in text


def test_the_perplexity_is_that_of_the_protocols_first_text(built: Path) -> None:
    assert cells(built / "table1.csv")["0%", "Measured"]["ours"] == "10.0"


def test_only_the_named_draft_counts_and_na_stays_na(built: Path) -> None:
    found = cells(built / "table1.csv")
    assert found["50%", "Measured"]["published"] == "20.0"
    cell = found["70%", "Measured"]
    assert (cell["published"], cell["difference"], cell["status"]) == ("NA", "", "diverged")
    assert float(cell["ours"]) == 3e8
    assert r"3.00\,$\times10^{8}$" in (built / "table1.tex").read_text()


def test_a_stand_in_is_labelled_shown_once_and_never_compared(built: Path) -> None:
    found = cells(built / "table1.csv")
    cell = found["50%", "Llama Big"]
    assert (cell["model"], cell["shown_model"], cell["ours"]) == ("big-llama", "small", "40.0")
    assert (cell["published"], cell["difference"]) == ("7.26", "")
    other = found["50%", "Llama Huge"]
    assert (other["shown_model"], other["status"], other["published"]) == ("", "not run", "6.00")
    text = (built / "table1.tex").read_text()
    assert text.count("here: small") == 1
    assert "Small model (small) stands in for big-llama" in text
    assert "here: small" in built.with_suffix(".html").read_text()


def test_cells_outside_the_grid_show_as_not_run_and_failed_ones_with_their_status(built: Path) -> None:
    assert cells(built / "table1.csv")["70%", "Llama Big"]["status"] == "not run"
    found = cells(built / "mixed.csv")
    broken = found["Broken", "Status"]
    assert (broken["ours"], broken["reason"]) == ("timeout", "stopped after 60 minutes")
    assert found["Broken", "Seconds"]["status"] == "not run"
    page = built.with_suffix(".html").read_text()
    assert "stopped after 60 minutes" in page
    assert "not run" in page


def test_the_words_of_a_row_may_come_from_the_run(built: Path) -> None:
    text = (built / "mixed.tex").read_text()
    assert re.search(r"^Wanda & .* & it ran \\\\$", text, re.MULTILINE)
    assert re.search(r"^Broken & .* & ValueError: no \\\\$", text, re.MULTILINE)


def test_a_method_that_a_language_model_wrote_has_a_row_where_the_table_has_a_place_for_it(built: Path) -> None:
    found = cells(built / "mixed.csv")
    row = "llm_a_0: A {reason}"  # a title is no template
    assert (found[row, "Status"]["ours"], found[row, "Status"]["reason"]) == ("rejected", "returned no weight")
    assert "returned no weight" in (built / "mixed.tex").read_text()
    assert not any("llm" in name for name, _ in cells(built / "table1.csv"))


def test_texts_seconds_and_accuracies(built: Path) -> None:
    found = cells(built / "mixed.csv")
    assert found["Wanda", "Text"]["ours"] == "University is closed"
    assert found["Wanda", "Seconds"]["ours"] == "12.5"
    assert found["Wanda", "Accuracy"]["ours"] == "0.5"  # the mean over tasks, not one of them
    assert "50.00" in (built / "mixed.tex").read_text()


def test_the_score_is_the_share_of_the_loss_that_is_avoided(built: Path) -> None:
    # At 70 % Wanda is worse than random pruning, which counts 0, as a failed cell does.
    found = cells(built / "mixed.csv")
    kept = log(1000 / 25) / log(1000 / 10)
    assert float(found["Wanda", "Score"]["ours"]) == pytest.approx(100 * (kept + 0) / 2)
    assert (float(found["Broken", "Score"]["ours"]), found["Broken", "Score"]["status"]) == (0.0, "error")


def test_another_protocol_gives_no_differences_and_says_so(tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    build_paper(write_paper(tmp_path / "small"), *write_run(tmp_path, protocol="rough"), page)
    found = cells(tmp_path / "out" / "table1.csv")
    assert {line["difference"] for line in found.values()} == {""}
    assert found["50%", "Measured"]["published"] == "20.0"
    assert "without a difference" in (tmp_path / "out" / "table1.tex").read_text()
    assert "measured under another protocol" in page.read_text()


def test_seeds_are_averaged_and_one_failed_seed_leaves_no_number(tmp_path: Path) -> None:
    again: list[tuple[Any, ...]] = [
        ("real", "wanda", "u50", "perplexity", "main", 35.0, "ok", ""),
        ("real", "dense", "u00", "perplexity", "main", "", "error", "gone"),
    ]
    page = tmp_path / "out.html"
    build_paper(write_paper(tmp_path / "small"), *write_run(tmp_path, ROWS + again), page)
    found = cells(tmp_path / "out" / "table1.csv")
    assert found["50%", "Measured"]["ours"] == "30.0"
    assert (found["0%", "Measured"]["ours"], found["0%", "Measured"]["status"]) == ("", "error")


def test_a_table_without_numbers_keeps_its_words(built: Path) -> None:
    with (built / "words.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["x", "|W|"]]


def hostile() -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The small paper and its run with code in every free text."""
    layout = deepcopy(LAYOUT)
    layout["title"] = f"{HTML} {LATEX}"
    table = layout["tables"]["table1"]
    table["caption"], table["title"] = f"{LATEX} {MATH}", HTML
    table["columns"][0]["title"], table["rows"][0]["stubs"] = LATEX, [HTML]
    table["rows"][0]["notes"] = [MATH]
    layout["figures"]["figure1"]["title"] = MATH
    layout["claims"][0]["claim"] = f"{HTML} {LATEX} {MATH}"
    rows = [
        (*row[:5], f"{HTML} {LATEX}" if row[3] == "continuation" else row[5], row[6], f"{row[7]} {HTML}")
        for row in ROWS
    ]
    return layout, rows


@needs_latex
def test_every_table_compiles_also_with_hostile_texts(tmp_path: Path) -> None:
    layout, rows = hostile()
    page = tmp_path / "out.html"
    build_paper(write_paper(tmp_path / "small", layout), *write_run(tmp_path, rows), page)
    document = tmp_path / "out" / "paper.tex"
    assert re.findall(r"\\input\{(.*)\}", document.read_text()) == ["claims", "table1", "words", "mixed"]
    assert "root:" not in compiled(document, complaints=False)


def test_the_page_runs_no_script_but_the_themes_and_escapes_every_text(tmp_path: Path) -> None:
    layout, rows = hostile()
    page = tmp_path / "out.html"
    build_paper(write_paper(tmp_path / "small", layout), *write_run(tmp_path, rows), page)
    text = page.read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script == asset("theme.js")
    assert text.count("<script") == 1
    assert not re.search(r"<img[^>]*onerror", text)
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="(?!#|data:,|\.\./leaderboard\.html)', text)


def test_the_same_numbers_make_the_same_files(built: Path, tmp_path: Path) -> None:
    page = tmp_path / "reports" / "small.html"
    build_paper(write_paper(tmp_path / "small"), *write_run(tmp_path / "run"), page)
    names = sorted(path.name for path in built.iterdir())
    assert names == sorted(path.name for path in page.with_suffix("").iterdir())
    for name in names:
        assert (built / name).read_bytes() == (page.with_suffix("") / name).read_bytes(), name
    assert built.with_suffix(".html").read_bytes() == page.read_bytes()
