"""What changed since a commit is told cell by cell, and told apart into what may change and what must not."""

import math
import subprocess
from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.results.published.lines import cell_name
from prunebench.results.published.moved import Change, changes_since, objections
from prunebench.results.published.publication import read_publication
from tests.results.published.conftest import Project, rewrite

FOLDER = Path("results/published")
CELL = "laptop-512/opt-tiny/wanda/seed0/u50"


@pytest.fixture
def committed(published: Project) -> Project:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
        subprocess.run(["git", *who, *arguments], check=True, capture_output=True, cwd=published.root)

    git("init", "-b", "main")
    git("add", "results/published", "methods")
    git("commit", "-m", "Published")
    return published


def edit(project: Project, change, method: str = "wanda", cell: str = CELL) -> list[Change]:
    """The changes after one cell's line was changed."""
    rewrite(project.file(method), lambda line, _: change(line) if line.get("cell") == cell else None)
    return changes_since(FOLDER, "main")


def move(line) -> None:
    line["evaluations"]["perplexity"]["measurements"][0].update(value=12.5, items=[math.log(12.5)] * 8)


def test_nothing_changed(committed: Project) -> None:
    committed.publish()
    assert changes_since(FOLDER, "main") == []


def test_a_number_that_moves_by_itself_is_objected_to(committed: Project) -> None:
    (change,) = edit(committed, move)
    assert (change.method, change.cell, change.what) == ("wanda", CELL, "moved")
    (detail,) = change.details
    assert detail.startswith("perplexity on wiki-sample: ")
    assert detail.endswith(" -> 12.5")
    (objection,) = objections([change], ["wanda"])
    assert objection == f"{CELL} moved although it was made from the same code, model and data: {detail}"


def test_a_number_of_changed_code_may_move(committed: Project) -> None:
    def change(line) -> None:
        move(line)
        line["prune"]["key"]["method"] = "0123456789abcdef"

    (found,) = edit(committed, change)
    assert found.what == "moved"
    assert objections([found]) == []
    assert objections([found], ["wanda"]) == []
    (objection,) = objections([found], ["magnitude"])
    assert objection == f"{CELL} was moved, but wanda is none of the methods that may change"


def test_other_data_explains_its_own_number_and_no_other(committed: Project) -> None:
    def other_text(line) -> None:
        move(line)
        line["evaluations"]["perplexity"]["key"]["dataset:wiki-sample"] = "another text"

    (found,) = edit(committed, other_text)
    assert objections([found]) == []

    def other_number_too(line) -> None:
        line["evaluations"]["zeroshot"]["measurements"][0].update(value=0.5, items="10")

    (found,) = edit(committed, other_number_too)
    (objection,) = objections([found])
    assert "acc on piqa" in objection

    def other_text_too(line) -> None:
        line["evaluations"]["perplexity"]["measurements"][1].update(value=12.5, items=[math.log(12.5)] * 8)

    (found,) = edit(committed, other_text_too)
    assert [detail.partition(":")[0] for detail in found.unexplained] == ["perplexity on sotu-recent", "acc on piqa"]


def test_a_status_or_items_that_move_are_told(committed: Project) -> None:
    def change(line) -> None:
        line["evaluations"]["zeroshot"]["status"] = "oom"
        items = line["evaluations"]["zeroshot"]["measurements"][0]["items"]
        line["evaluations"]["zeroshot"]["measurements"][0]["items"] = items[::-1]

    (found,) = edit(committed, change)
    assert found.details == ("status of zeroshot: ok -> oom", "items of acc on piqa moved")


def test_another_evaluation_or_task_moves_nothing(committed: Project) -> None:
    def change(line) -> None:
        record = line["evaluations"]["zeroshot"]
        record["measurements"].append({"metric": "acc", "dataset": "boolq", "value": 0.5})
        record["key"]["dataset:boolq"] = "data of boolq"
        line["evaluations"]["internals"] = {**line["evaluations"]["generation"], "measurements": []}

    (found,) = edit(committed, change)
    assert found.what == "measured further"
    assert set(found.details) == {"acc on boolq added", "internals added"}
    assert objections([found], ["wanda"]) == []


def test_an_evaluation_that_is_gone_is_objected_to(committed: Project) -> None:
    (found,) = edit(committed, lambda line: line["evaluations"].pop("zeroshot"))
    assert (found.what, found.details) == ("moved", ("zeroshot removed",))
    assert len(objections([found], ["wanda"])) == 1


def test_speeds_that_are_timed_again_move_nothing(committed: Project) -> None:
    def timed(line, value=3.0) -> None:
        speed = {"metric": "prefill_speedup", "dataset": "", "value": value, "items": [value] * 9}
        line["evaluations"]["speed"] = {**line["evaluations"]["generation"], "measurements": [speed]}

    edit(committed, timed)
    for command in ("add results", "-c user.name=x -c user.email=x@example.org commit -m Timed"):
        subprocess.run(["git", *command.split()], check=True, capture_output=True, cwd=committed.root)
    (found,) = edit(committed, lambda line: timed(line, 4.0))
    assert (found.what, found.details) == ("made again", ())
    assert objections([found], ["wanda"]) == []


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (
            {"sparsity": {"target": 0.5, "measured": 0.5, "newly": 0.25, "blocks": [0.25, 0.75]}},
            "parts of sparsity moved",
        ),
        ({"losses": [{"step": 0, "validation": 3.5}]}, "losses of fine-tuning moved"),
        ({"patch_sha256": "another"}, "patch moved"),
    ],
)
def test_what_pruning_gave_is_a_number_too(committed: Project, change, detail) -> None:
    (found,) = edit(committed, lambda line: line["prune"].update(change))
    assert (found.what, found.details) == ("moved", (detail,))
    assert len(objections([found], ["wanda"])) == 1


def test_times_alone_may_change_of_a_method_that_may_change(committed: Project) -> None:
    (found,) = edit(committed, lambda line: line["prune"]["cost"].update(seconds=99.0))
    assert (found.what, found.details) == ("made again", ())
    assert objections([found], ["wanda"]) == []
    assert len(objections([found], ["magnitude"])) == 1


def test_added_and_removed_cells_are_named(committed: Project) -> None:
    committed.file("magnitude").unlink()
    changes = changes_since(FOLDER, "main")
    assert {change.what for change in changes} == {"removed"}
    assert {change.method for change in changes} == {"magnitude"}
    assert objections(changes) == []
    assert len(objections(changes, ["wanda"])) == len(changes)
    for path in FOLDER.iterdir():
        path.unlink()
    assert {change.method for change in changes_since(FOLDER, "main")} >= {"dense", "wanda", "magnitude"}


def test_what_was_not_there_is_added(published: Project) -> None:
    for command in ("init -b main", "-c user.name=x -c user.email=x@example.org commit --allow-empty -m Empty"):
        subprocess.run(["git", *command.split()], check=True, capture_output=True, cwd=published.root)
    changes = {change.cell: change for change in changes_since(FOLDER, "main")}
    assert {change.what for change in changes.values()} == {"added"}
    measured = read_publication(published.file("wanda")).cells
    cell = next(cell for cell in measured if cell_name(cell) == CELL)
    values = [(found.dataset, found.value) for found in cell.evaluations["perplexity"].measurements]
    assert changes[CELL].details == tuple(f"perplexity on {text}: {value:.6g}" for text, value in values)
    failed = {change.details for change in changes.values() if change.method == "sparsegpt"}
    assert ("error: LinAlgError: the Hessian of block 4 is not positive definite",) in failed


def test_an_unknown_commit_or_no_repository_is_one_sentence(
    published: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(published.root.parent))
    with pytest.raises(PrunebenchError, match="is in no git repository"):
        changes_since(FOLDER, "main")
    subprocess.run(["git", "init"], check=True, capture_output=True, cwd=published.root)
    with pytest.raises(PrunebenchError, match="git knows no 'origin/main' here; fetch it"):
        changes_since(FOLDER, "origin/main")
