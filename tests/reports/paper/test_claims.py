"""When a claim holds, does not hold, or cannot be told."""

import csv
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from prunebench.config.paper import load_paper
from prunebench.reports.paper.claims import FAILS, HOLDS, TIED, UNKNOWN, Verdict, describe, judge_claims
from prunebench.reports.paper.measured import Measured
from prunebench.reports.source import Source
from tests.reports.paper.small import LAYOUT, ROWS, write_paper, write_run


def judge(tmp_path: Path, rows: list[tuple[Any, ...]] | None = None, **claim: Any) -> list[Verdict]:
    """The verdicts on one claim of the small paper."""
    layout = deepcopy(LAYOUT)
    layout["claims"] = [{**layout["claims"][0], **claim}]
    folder = write_paper(tmp_path / "small", layout)
    return judge_claims(load_paper(folder), folder, Measured(Source.read(*write_run(tmp_path, rows))))


def test_each_target_is_judged_and_one_counterexample_is_enough(tmp_path: Path) -> None:
    real, small = judge(tmp_path)
    words = [point.word for point in real.points]
    assert words == ["not separated", "does not hold", "not run"]  # u70 diverged at 3e8, u90 was not run
    assert (real.word, real.share, real.model_words) == ("does not hold", "0 of 1 targets, 1 not separated", "real")
    assert real.points[0].numbers == "wanda 25.00, random 1000"
    assert (small.word, small.share, small.model_words) == ("not run", "0 of 0 targets", "small (for big-llama)")


def test_the_papers_own_numbers_are_judged_too(tmp_path: Path) -> None:
    real, small = judge(tmp_path)
    assert real.in_paper == "does not hold"  # 20 against 15
    assert small.in_paper == "no numbers"


def test_what_the_paired_test_does_not_separate_neither_holds_nor_fails(tmp_path: Path) -> None:
    (real,) = judge(tmp_path, models=["real"], targets=["u50"])
    assert (real.word, real.share) == ("not separated", "1 not separated")
    assert "(not separated)" in describe("A paper", [real])


@pytest.mark.parametrize(
    ("other", "word"),
    [(0.60, "not separated"), (0.70, "not separated"), (0.71, "holds"), (0.50, "holds")],
)
def test_averages_that_differ_by_less_than_their_intervals_are_not_separated(
    tmp_path: Path, other: float, word: str
) -> None:
    """Two tasks, half widths 0.1 each: an average's is 0.0707, that of a difference 0.1."""
    rows = [
        ("real", method, "u50", "acc", task, value, "ok", "", value - 0.1, value + 0.1)
        for method, value in (("wanda", other), ("random", 0.605))
        for task in ("piqa", "boolq")
    ]
    order = "wanda > random" if other > 0.605 else "wanda < random"
    (real,) = judge(
        tmp_path, rows, models=["real"], targets=["u50"], order=order, metric="average",
        tasks={"piqa": "acc", "boolq": "acc"},
    )  # fmt: skip
    assert real.word == word


def test_it_holds_if_it_does_wherever_it_can_be_decided(tmp_path: Path) -> None:
    rows = [row if row[:3] != ("real", "wanda", "u70") else (*row[:5], 500.0, "ok", "") for row in ROWS]
    (real,) = judge(tmp_path, rows, models=["real"])
    assert [point.word for point in real.points] == ["not separated", "holds", "not run"]
    assert (real.word, real.share) == ("holds", "1 of 1 targets, 1 not separated")


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ("dense < near < wanda", HOLDS),
        ("dense < wanda < random", TIED),  # the last two share their rank
        ("wanda < random < dense", FAILS),  # refuted whatever is tied
        ("wanda > dense", HOLDS),
        ("near <= near", HOLDS),
        ("near < near", FAILS),
        ("dense << random", HOLDS),
        ("dense << wanda", FAILS),
        ("random >> dense", HOLDS),
        ("wanda >= random", TIED),
        ("wanda > random", TIED),
        ("dense >= wanda", FAILS),
        ("wanda ~ random", FAILS),  # a tie is not closeness
        ("wanda << random", TIED),  # 25 against 1000, and one rank
        ("random << wanda", FAILS),
        ("dense ~ near", HOLDS),
        ("dense ~ wanda", FAILS),
        ("near <~ dense", HOLDS),
        ("dense <~ wanda", HOLDS),
        ("wanda <~ dense", FAILS),
        ("wanda >~ dense", HOLDS),
        ("dense >~ wanda", FAILS),
        ("random <~ wanda", FAILS),
        ("endless >~ endless", HOLDS),
        ("dense < broken", UNKNOWN),
        ("random < dense < broken", FAILS),  # refuted whatever the missing one is
        ("wanda < endless", HOLDS),
        ("endless << endless", FAILS),
    ],
)
def test_relations(tmp_path: Path, order: str, word: str) -> None:
    rows: list[tuple[Any, ...]] = [
        *ROWS,
        ("real", "near", "u50", "perplexity", "main", 10.4, "ok", ""),
        ("real", "endless", "u50", "perplexity", "main", "", "diverged", "not finite"),
    ]
    (verdict,) = judge(tmp_path, rows, order=order, models=["real"], targets=["u50"])
    assert verdict.points[0].word == word


def test_a_claim_none_of_whose_models_was_run_is_there_once(tmp_path: Path) -> None:
    (verdict,) = judge(tmp_path, models=["absent", "gone"])
    assert (verdict.word, verdict.model_words) == ("not run", "absent, gone")


def test_claims_are_written_for_people_and_for_programs(built: Path) -> None:
    with (built / "claims.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["model"], line["target"], line["verdict"]) for line in lines[:3]] == [
        ("real", "u50", "not separated"),
        ("real", "u70", "does not hold"),
        ("real", "u90", "not run"),
    ]
    said = (built / "claims.txt").read_text()
    assert "claims of A small paper:" in said
    assert "does not hold: Wanda beats random pruning [real, 0 of 1 targets, 1 not separated]" in said
    assert "does not hold" in built.with_suffix(".html").read_text()
    assert r"\emph{does not hold}" in (built / "claims.tex").read_text()
