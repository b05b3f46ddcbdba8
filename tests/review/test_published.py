"""A changed method needs its results published again, and no other method's may move."""

import math
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prunebench.layout import PUBLISHED
from prunebench.plugins.digest import method_digest
from prunebench.review.changes import Changes, find_changes
from prunebench.review.published import PublishedReview, review_published
from tests.results.published.conftest import Project, rewrite


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def project(published: Project) -> Project:
    """The published project as the first commit of a repository, without the records of the run."""
    git("init", "--quiet", "--initial-branch", "main")
    Path(".gitignore").write_text("results/*\n!results/published/\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "published")
    return published


def reviewed(project: Project) -> tuple[Changes, PublishedReview]:
    changes = find_changes("main", project.config.method_paths)
    return changes, review_published(Path(PUBLISHED), project.config, changes)


def edit_wanda() -> str:
    """Give Wanda other code; its new digest."""
    path = Path("methods/wanda.py")
    path.write_text(path.read_text().replace("weight.abs() * inputs", "2 * weight.abs() * inputs"))
    return method_digest(path)


def moved(line: dict[str, Any], number: int) -> None:
    """Another perplexity in each cell that has one."""
    for measurement in line.get("evaluations", {}).get("perplexity", {}).get("measurements", []):
        measurement["value"] *= 2
        measurement["items"] = [item + math.log(2) for item in measurement["items"]]


def test_nothing_is_nothing(project: Project) -> None:
    assert reviewed(project)[1] == PublishedReview((), (), ())


def test_a_changed_method_is_to_be_published_again(project: Project) -> None:
    edit_wanda()
    changes, review = reviewed(project)
    assert changes.changed == ("wanda",)
    assert review.problems == (
        "results/published/wanda.jsonl has results of wanda's old code; run prunebench publish wanda and commit it",
    )


def test_its_own_new_numbers_are_what_is_wanted(project: Project) -> None:
    digest = edit_wanda()

    def again(line: dict[str, Any], number: int) -> None:
        moved(line, number)
        if number:
            line["prune"]["key"]["method"] = digest

    rewrite(project.file("wanda"), again)
    _, review = reviewed(project)
    assert review.problems == ()
    assert {cell.method for cell in review.cells} == {"wanda"}
    assert "moved" in {cell.what for cell in review.cells}


def test_a_number_of_another_method_must_not_move(project: Project) -> None:
    edit_wanda()
    rewrite(project.file("sparsegpt"), moved)
    _, review = reviewed(project)
    assert any("sparsegpt is none of the methods that may change" in problem for problem in review.problems)


def test_a_number_that_moves_by_itself_is_never_right(project: Project) -> None:
    rewrite(project.file("sparsegpt"), moved)
    assert reviewed(project)[1].problems


def without_zeroshot(line: dict[str, Any], number: int) -> None:
    line.get("evaluations", {}).pop("zeroshot", None)


def with_internals(line: dict[str, Any], number: int) -> None:
    if number:
        line["evaluations"]["internals"] = {**line["evaluations"]["generation"], "measurements": []}


@pytest.mark.parametrize(
    ("package", "engine", "change", "objected"),
    [
        (True, False, moved, True),
        (True, True, without_zeroshot, True),  # made from the same as before
        (False, False, with_internals, True),
        (True, False, with_internals, False),
    ],
)
def test_an_edit_of_the_package_frees_no_number(project: Project, package, engine, change, objected) -> None:
    rewrite(project.file("sparsegpt"), change)
    changes = replace(find_changes("main", project.config.method_paths), package=package, engine=engine)
    assert bool(review_published(Path(PUBLISHED), project.config, changes).problems) is objected


def test_numbers_may_move_with_the_version_of_the_engine(project: Project) -> None:
    def again(line: dict[str, Any], number: int) -> None:
        moved(line, number)
        if number:
            line["prune"]["key"]["engine"] = "2"

    rewrite(project.file("sparsegpt"), again)
    changes = find_changes("main", project.config.method_paths)
    for engine in (False, True):
        review = review_published(Path(PUBLISHED), project.config, replace(changes, package=True, engine=engine))
        assert bool(review.problems) is not engine


@pytest.mark.parametrize("engine", [False, True])
def test_what_is_published_of_a_method_that_stays_must_not_go(project: Project, engine: bool) -> None:
    project.file("random").unlink()
    changes = replace(find_changes("main", project.config.method_paths), package=True, engine=engine)
    problems = review_published(Path(PUBLISHED), project.config, changes).problems
    assert problems
    assert all("was removed, but random is none of the methods that may change" in problem for problem in problems)


def test_what_is_published_of_a_removed_method_goes_with_it(project: Project) -> None:
    Path("methods/random.py").unlink()
    files = {name: path for name, path in project.config.method_files.items() if name != "random"}
    _, review = reviewed(project._replace(config=project.config.model_copy(update={"method_files": files})))
    (problem,) = review.problems
    assert "there is no method file random.py in methods; restore it, or remove what was published of it" in problem


def test_a_new_method_is_told_how_it_gets_on_the_board(project: Project) -> None:
    source = Path("methods/wanda.py").read_text()
    Path("methods/mine.py").write_text(source)
    config = project.config.model_copy(
        update={"method_files": {**project.config.method_files, "mine": Path("methods/mine.py")}}
    )
    _, review = reviewed(project._replace(config=config))
    assert review.problems == ()
    assert review.hints == ("mine is not published; prunebench publish mine puts it on the board",)


def test_a_damaged_file_is_a_problem_and_no_crash(project: Project) -> None:
    path = project.file("wanda")
    path.write_text(path.read_text().replace("perplexity", "perplexitv", 1))
    (problem,) = reviewed(project)[1].problems
    assert "results/published/wanda.jsonl:" in problem


def test_a_value_that_its_own_items_do_not_give_is_a_problem(project: Project) -> None:
    def forged(line: dict[str, Any], number: int) -> None:
        for measurement in line.get("evaluations", {}).get("perplexity", {}).get("measurements", []):
            measurement["value"] *= 0.9

    rewrite(project.file("wanda"), forged)
    (problem,) = reviewed(project)[1].problems
    assert "results/published/wanda.jsonl:" in problem
    assert "but its items give" in problem
