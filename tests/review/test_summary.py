"""What a review says: the result first, then each method; nothing that a method says of itself is markup."""

import pytest

from prunebench.contract.finding import Finding
from prunebench.results.published.moved import Change
from prunebench.review.changes import Changes
from prunebench.review.method import MethodReview
from prunebench.review.published import PublishedReview
from prunebench.review.summary import summarise_review
from prunebench.trial.outcome import Line, Outcome

CHANGES = Changes("0123456789abcdef", ("mine",), (), ("old",), False, False)
NOTHING = PublishedReview((), (), ())
KEPT, BROKEN = Finding("exact_n_m", "N of M", ""), Finding("all_finite", "no NaN", "x <img>\n|: NaN")
LINE = Line("mine", "Mine", 1, 1, 1, 20.0, 19.0, 21.0, 0.1, 1.0, 0.5, "ok", "")
GOOD = Outcome("a model, u50", (LINE,), "Mine is better than Wanda.", mistaken=False)
BAD = Outcome("a model, u50", (LINE,), "Mine has no number to compare: rejected, why.", mistaken=True)


def test_a_good_method_has_nothing_to_mend() -> None:
    method = MethodReview("mine", True, (KEPT,), GOOD)
    assert list(method.problems()) == []
    text = summarise_review("main", CHANGES, [method], NOTHING, [])
    assert text.startswith("# Methods, compared with main (0123456789)\n\nNothing to mend.\n")
    assert "Removed: old." in text
    assert "## mine, added" in text
    assert "Contract: passes 1 checks." in text
    assert "| ok | `exact_n_m` | N of M |" in text
    assert "**Mine is better than Wanda.**" in text


def test_broken_promises_and_failed_trials_are_problems() -> None:
    method = MethodReview("mine", True, (KEPT, BROKEN), BAD)
    assert list(method.problems()) == [
        "mine fails 1 of 2 checks; prunebench check mine runs them",
        "the trial of mine failed; prunebench try mine runs it: Mine has no number to compare: rejected, why.",
    ]
    text = summarise_review("main", CHANGES, [method], NOTHING, list(method.problems()))
    assert "* **mine fails 1 of 2 checks; prunebench check mine runs them**" in text
    assert r"| FAILED | `all_finite` | x \<img\> \|\: NaN |" in text


def test_a_trial_that_could_not_be_run_is_a_problem() -> None:
    method = MethodReview("mine", True, (KEPT,), None, "snakemake could not finish")
    assert list(method.problems()) == ["mine could not be tried: snakemake could not finish"]


def test_what_is_wrong_with_stored_code_is_a_result() -> None:
    method = MethodReview("mine", False, (BROKEN,), BAD)
    assert list(method.problems()) == []
    assert "what is wrong with it is a result" in summarise_review("main", CHANGES, [method], NOTHING, [])


@pytest.mark.parametrize(("count", "more"), [(3, False), (45, True)])
def test_published_cells_that_differ_are_listed(count: int, more: bool) -> None:
    cells = tuple(
        Change("mine", f"p/m/mine/seed0/u{number}", "moved", ("perplexity: 1 -> 2",)) for number in range(count)
    )
    text = summarise_review("main", CHANGES, [], PublishedReview(cells, (), ("mine is not published",)), [])
    assert r"| moved | p/m/mine/seed0/u0 | perplexity\: 1 -\> 2 |" in text
    assert ("and 5 more" in text) == more
    assert "* mine is not published" in text
