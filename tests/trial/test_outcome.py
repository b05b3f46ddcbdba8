"""A trial's table has the numbers and ranks of `collect`, and its sentence says what the paired test says."""

import math

import pytest

from prunebench.trial.outcome import read_outcome
from prunebench.trial.words import as_markdown, cells
from tests.trial.conftest import Write

DENSE = [3.0, 3.1, 2.9, 3.2, 3.0, 2.8, 3.1, 3.0]


def above(amount: float, wobble: float = 0.0) -> list[float]:
    """Losses that are above the dense ones by so much, now more, now less."""
    return [loss + amount + wobble * (-1) ** window for window, loss in enumerate(DENSE)]


@pytest.fixture
def measured(write: Write) -> None:
    write("dense", DENSE)
    write("magnitude", above(1.0))
    write("wanda", above(0.3))


def test_methods_are_ranked_and_the_dense_model_comes_first(measured, trial, write: Write) -> None:
    write("ria", above(0.1))
    outcome = read_outcome(trial)
    assert [(line.method, line.rank) for line in outcome.lines] == [
        ("dense", None), ("ria", 1), ("wanda", 2), ("magnitude", 3),
    ]  # fmt: skip
    assert outcome.verdict == "RIA is better than Wanda and Magnitude."
    assert not outcome.mistaken
    ria = outcome.lines[1]
    assert ria.perplexity == pytest.approx(math.exp(sum(above(0.1)) / 8))
    assert ria.over_dense == pytest.approx(math.exp(0.1) - 1)
    assert ria.low < ria.perplexity < ria.high
    assert (ria.seconds, ria.gigabytes) == (2.5, 0.7)


def test_what_the_test_cannot_separate_shares_a_rank_and_is_said_so(measured, trial, write: Write) -> None:
    write("ria", above(0.3, wobble=0.2))
    outcome = read_outcome(trial)
    assert [line.rank for line in outcome.lines] == [None, 1, 1, 3]
    assert outcome.verdict == "RIA is better than Magnitude and cannot be separated from Wanda."


def test_a_worse_method_is_told_so(measured, trial, write: Write) -> None:
    write("ria", above(2.0))
    assert read_outcome(trial).verdict == "RIA is worse than Wanda and Magnitude."


@pytest.mark.parametrize(
    ("status", "mistaken"), [("rejected", True), ("error", True), ("timeout", True), ("oom", True), ("na", False)]
)
def test_a_method_without_a_number_says_why(measured, trial, write: Write, status, mistaken: bool) -> None:
    write("ria", [], status, "pruned too\nlittle")
    outcome = read_outcome(trial)
    assert outcome.verdict == f"RIA has no number to compare: {status}, pruned too little."
    assert outcome.mistaken == mistaken
    assert outcome.lines[-1].method == "ria"


def test_a_rival_that_failed_is_left_out_of_the_sentence(trial, write: Write) -> None:
    write("dense", DENSE)
    write("magnitude", [], "error", "no")
    write("wanda", above(0.3))
    write("ria", above(0.1))
    assert read_outcome(trial).verdict == "RIA is better than Wanda."


def test_records_that_are_not_there_are_errors(trial) -> None:
    outcome = read_outcome(trial)
    assert {line.status for line in outcome.lines} == {"error"}
    assert "no record" in outcome.verdict
    as_markdown(outcome)


def test_the_table_reads_as_it_should(measured, trial, write: Write) -> None:
    write("ria", above(0.1))
    dense, ria, *_ = read_outcome(trial).lines
    assert cells(dense)[0] == ""
    assert cells(dense)[4:7] == ("", "", "")
    rank, title, perplexity, interval, over, seconds, memory, status = cells(ria)
    assert (rank, title, over, seconds, memory, status) == ("1", "RIA", "+10.5%", "2.5 s", "0.70 GB", "ok")
    assert interval.startswith(f"{ria.low:.2f} to ")
    assert perplexity == f"{ria.perplexity:.2f}"


def test_no_title_and_no_reason_becomes_markup(measured, trial, write: Write) -> None:
    reason = "<img src=x onerror=alert(1)> [link](http://x.y) | `code` **bold** @someone $x$"
    write("ria", [], "error", reason)
    text = as_markdown(read_outcome(trial))
    row = next(line for line in text.splitlines() if "RIA" in line and line.startswith("|"))
    cellcount = len([part for part in row.replace("\\|", "").split("|") if part])
    assert cellcount == 8
    assert r"\<img src=x onerror=alert(1)\>" in row
    assert r"\[link\]" in row
    assert r"http\://" in row
    assert r"\@someone" in row
