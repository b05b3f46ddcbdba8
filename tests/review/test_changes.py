"""A review finds the methods whose code differs from where the branch began."""

import subprocess
from pathlib import Path

import pytest

from prunebench import ENGINE_VERSION
from prunebench.errors import PrunebenchError
from prunebench.review.changes import find_changes

SOURCE = '''"""One line."""
METHOD = {"title": "Mine", "family": "f", "patterns": ["unstructured"], "group": "row"}

def score(weight, inputs):
    return weight.abs()
'''


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def commit(message: str = "m") -> None:
    git("add", "--all")
    git("commit", "--quiet", "--message", message)


@pytest.fixture
def methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the methods `first` and `second` and a data file, on a branch that left `main` there."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch", "main")
    Path("methods/generated").mkdir(parents=True)
    Path("prunebench").mkdir()
    for name in ("methods/first.py", "methods/generated/second.py"):
        Path(name).write_text(SOURCE)
    Path("methods/first.bin").write_bytes(b"\xff\x00\r\n")
    Path("prunebench/code.py").write_text("1\n")
    commit()
    git("checkout", "--quiet", "-b", "mine")
    return Path("methods")


def changes(methods: Path, ref: str = "main") -> tuple[tuple[str, ...], ...]:
    found = find_changes(ref, [methods])
    return found.added, found.changed, found.removed


def test_comments_docstrings_and_layout_are_no_difference(methods: Path) -> None:
    text = SOURCE.replace("One line", "Another").replace("return weight.abs()", "return (weight.abs())  # why")
    (methods / "first.py").write_text(text)
    assert changes(methods) == ((), (), ())


@pytest.mark.parametrize("committed", [False, True])
def test_added_changed_and_removed_ones_are_told_apart(methods: Path, committed: bool) -> None:
    (methods / "third.py").write_text(SOURCE)
    (methods / "first.py").write_text(SOURCE.replace("weight.abs()", "-weight.abs()"))
    (methods / "generated/second.py").unlink()
    if committed:
        commit()
    assert changes(methods) == (("third",), ("first",), ("second",))


def test_a_data_file_is_part_of_its_method(methods: Path) -> None:
    (methods / "first.bin").write_bytes(b"\xff\x00\n")
    assert changes(methods) == ((), ("first",), ())


def test_what_came_to_the_other_branch_since_is_not_this_ones(methods: Path) -> None:
    git("checkout", "--quiet", "main")
    (methods / "theirs.py").write_text(SOURCE)
    commit()
    git("checkout", "--quiet", "mine")
    (methods / "own.py").write_text(SOURCE)
    assert changes(methods) == (("own",), (), ())


def test_a_broken_file_is_a_difference_and_no_crash(methods: Path) -> None:
    (methods / "first.py").write_text("METHOD = {")
    assert changes(methods) == ((), ("first",), ())


def test_a_folder_that_was_not_there_has_only_new_methods(methods: Path) -> None:
    Path("more").mkdir()
    Path("more/extra.py").write_text(SOURCE)
    assert find_changes("main", [methods, Path("more")]).added == ("extra",)


def test_the_package_is_left_to_its_tests(methods: Path) -> None:
    assert find_changes("main", [methods]).remark == ""
    Path("prunebench/code.py").write_text("2\n")
    assert "The package itself differs" in find_changes("main", [methods]).remark


def test_what_git_does_not_know_is_told(methods: Path, tmp_path_factory, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PrunebenchError, match="git knows no 'nowhere' here; fetch it"):
        changes(methods, "nowhere")
    git("checkout", "--quiet", "--orphan", "alone")
    commit("alone")  # of the same second, tree and message it would be the very same commit
    with pytest.raises(PrunebenchError, match="shares no commit with 'main'"):
        changes(methods)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(PrunebenchError, match="in no git repository"):
        find_changes("main", [])


def test_only_a_new_version_of_the_engine_is_a_change_of_it(methods: Path) -> None:
    package = Path("prunebench/__init__.py")
    package.write_text(f"ENGINE_VERSION = {ENGINE_VERSION}\n")
    commit()
    same = find_changes("HEAD", [methods])
    package.write_text("ENGINE_VERSION = 99\n")
    commit()
    other = find_changes("HEAD", [methods])
    assert (same.engine, other.engine, find_changes("main", [methods]).engine) == (False, True, False)
