"""When a claim holds, does not hold, or cannot be told."""

import csv
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from prunebench.config.paper import load_paper
from prunebench.reports.paper.claims import Verdict, describe, judge_claims
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
    assert [point.holds for point in real.points] == [True, False, None]  # u70 diverged at 3e8, u90 was not run
    assert (real.word, real.share, real.model_words) == ("does not hold", "1 of 2", "real")
    assert real.points[0].numbers == "wanda 25.00, random 1000"
    assert (small.word, small.share, small.model_words) == ("not run", "0 of 0", "small (for big-llama)")


def test_the_papers_own_numbers_are_judged_too(tmp_path: Path) -> None:
    real, small = judge(tmp_path)
    assert real.in_paper == "does not hold"  # 20 against 15
    assert small.in_paper == "no numbers"


def test_what_the_paired_test_does_not_separate_is_marked(tmp_path: Path) -> None:
    real, _ = judge(tmp_path)
    assert [point.untested for point in real.points] == [True, False, False]
    assert "not separated by the paired test" in describe("A paper", [real])


@pytest.mark.parametrize(
    ("order", "holds"),
    [
        ("dense < wanda < random", True),
        ("dense < random < wanda", False),
        ("wanda > dense", True),
        ("wanda <= wanda", True),
        ("wanda < wanda", False),
        ("dense << random", True),
        ("dense << wanda", False),
        ("random >> dense", True),
        ("wanda >= random", True),  # one rank: no test separates them
        ("wanda > random", False),
        ("dense >= wanda", False),
        ("dense ~ near", True),
        ("dense ~ wanda", False),
        ("near <~ dense", True),
        ("dense <~ wanda", True),
        ("wanda <~ dense", False),
        ("wanda >~ dense", True),
        ("dense >~ wanda", False),
        ("endless >~ endless", True),
        ("dense < broken", None),
        ("random < dense < broken", False),  # refuted whatever the missing one is
        ("wanda < endless", True),
        ("endless << endless", False),
    ],
)
def test_relations(tmp_path: Path, order: str, holds: bool | None) -> None:
    rows: list[tuple[Any, ...]] = [
        *ROWS,
        ("real", "near", "u50", "perplexity", "main", 10.4, "ok", ""),
        ("real", "endless", "u50", "perplexity", "main", "", "diverged", "not finite"),
    ]
    (verdict,) = judge(tmp_path, rows, order=order, models=["real"], targets=["u50"])
    assert verdict.points[0].holds is holds


def test_a_claim_none_of_whose_models_was_run_is_there_once(tmp_path: Path) -> None:
    (verdict,) = judge(tmp_path, models=["absent", "gone"])
    assert (verdict.word, verdict.model_words) == ("not run", "absent, gone")


def test_claims_are_written_for_people_and_for_programs(built: Path) -> None:
    with (built / "claims.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["model"], line["target"], line["verdict"], line["separated"]) for line in lines[:3]] == [
        ("real", "u50", "holds", "no"),
        ("real", "u70", "does not hold", "yes"),
        ("real", "u90", "not run", ""),
    ]
    said = (built / "claims.txt").read_text()
    assert "claims of A small paper:" in said
    assert "does not hold: Wanda beats random pruning [real, 1 of 2 targets]" in said
    assert "does not hold" in built.with_suffix(".html").read_text()
    assert r"\emph{does not hold}" in (built / "claims.tex").read_text()
