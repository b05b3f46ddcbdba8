"""A new method works before anybody has edited it."""

import runpy
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from prunebench.contract.checks import checks_for, run_check
from prunebench.contract.scaffold import new_method
from prunebench.errors import PrunebenchError
from prunebench.plugins.loader import load_method
from tests import oracles
from tests.methods import harness

ROOT = Path(__file__).parents[2]
KINDS = ["score", "layer", "units", "model"]


def tmp_methods(folder: Path) -> Path:
    """An empty folder of methods."""
    (folder / "methods").mkdir()
    return folder / "methods"


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_method_keeps_the_contract(tmp_path: Path, kind: str) -> None:
    new_method("my_idea", kind, tmp_methods(tmp_path), tmp_path / "tests")
    method = load_method("my_idea", [tmp_path / "methods"])
    assert method.kind == kind
    assert method.header.title == "My idea"
    for check in checks_for(method.header):
        run_check(check, method)


def run_test(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the generated test with every combination of its parameters, as pytest does in the project's folder."""
    for module in (harness, oracles):
        monkeypatch.setattr(module, "METHODS_FOLDER", files[0].parent)
    (test,) = (value for name, value in runpy.run_path(str(files[1])).items() if name.startswith("test_"))
    names, values = zip(*(mark.args for mark in test.pytestmark), strict=True)
    for combination in product(*values):
        test(**dict(zip(names, combination, strict=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_its_test_passes_and_both_files_are_tidy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    files = new_method("my_idea", kind, tmp_methods(tmp_path), tmp_path / "tests" / "methods")
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "methods/my_idea.py", "tests/methods/test_my_idea.py",
    ]  # fmt: skip
    for command in (["check"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", *files], check=True
        )
    run_test(files, monkeypatch)


@pytest.mark.parametrize(
    ("kind", "code", "other"),
    [
        ("score", "return weight.abs()", "return -weight.abs()"),
        ("layer", "masked_fill(pruned, 0)", "masked_fill(pruned.flip(0), 0)"),
        ("units", "return sum(", "return -sum("),
        ("model", "float().abs()", "float()"),
    ],
)
def test_its_test_fails_once_the_method_does_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, code: str, other: str
) -> None:
    files = new_method("my_idea", kind, tmp_methods(tmp_path), tmp_path / "tests" / "methods")
    assert files[0].read_text().count(code) == 1
    files[0].write_text(files[0].read_text().replace(code, other))
    with pytest.raises(AssertionError):
        run_test(files, monkeypatch)


@pytest.mark.parametrize("taken", ["methods/my_idea.py", "methods/generated/my_idea.py", "tests/test_my_idea.py"])
def test_a_name_that_is_taken_is_refused_and_nothing_written(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(parents=True)
    (tmp_path / taken).write_text("mine")
    (tmp_path / "methods").mkdir(exist_ok=True)
    with pytest.raises(PrunebenchError, match=r"my_idea\.py exists already"):
        new_method("my_idea", "score", tmp_path / "methods", tmp_path / "tests")
    assert [file for file in tmp_path.rglob("*.py") if file.read_text() != "mine"] == []


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("My-Idea", "score", "'My-Idea' cannot be a method's name"),
        ("../up", "score", "cannot be a method's name"),
        ("_private", "score", "cannot be a method's name"),
        ("fine", "scores", "unknown kind of method 'scores'; did you mean 'score'"),
    ],
)
def test_bad_names_and_kinds_are_refused(tmp_path: Path, name: str, kind: str, message: str) -> None:
    with pytest.raises(PrunebenchError, match=message):
        new_method(name, kind, tmp_methods(tmp_path), tmp_path / "tests")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"there is no folder .*methods here; run this in the project's folder"):
        new_method("my_idea", "score", tmp_path / "methods", tmp_path / "tests")
    assert list(tmp_path.iterdir()) == []
