"""A new method works before anybody has edited it."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from prunebench.contract.checks import checks_for, run_check
from prunebench.contract.scaffold import new_method
from prunebench.errors import PrunebenchError
from prunebench.plugins.loader import load_method

KINDS = ["score", "layer", "units", "model"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_method_keeps_the_contract(tmp_path: Path, kind: str) -> None:
    new_method("my_idea", kind, tmp_path / "methods", tmp_path / "tests")
    method = load_method("my_idea", [tmp_path / "methods"])
    assert method.kind == kind
    assert method.header.title == "My idea"
    for check in checks_for(method.header):
        run_check(check, method)


def run_test(path: Path) -> None:
    """Run the one test of a generated test file, for each model it asks for."""
    for model in ("llama-gqa", "opt", "gpt2"):
        (test,) = (value for name, value in runpy.run_path(str(path)).items() if name.startswith("test_"))
        test(model)


@pytest.mark.parametrize("kind", KINDS)
def test_its_test_passes_and_both_files_are_tidy(tmp_path: Path, kind: str) -> None:
    files = new_method("my_idea", kind, tmp_path / "methods", tmp_path / "tests" / "methods")
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "methods/my_idea.py", "tests/methods/test_my_idea.py",
    ]  # fmt: skip
    settings = Path(__file__).parents[2] / "pyproject.toml"
    for command in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, "--config", settings, *files], check=True)
    run_test(files[1])


@pytest.mark.parametrize(("kind", "result"), [("score", "weight.abs()"), ("units", "sum(")])
def test_its_test_fails_once_the_method_does_something_else(tmp_path: Path, kind: str, result: str) -> None:
    files = new_method("my_idea", kind, tmp_path / "methods", tmp_path / "tests" / "methods")
    files[0].write_text(files[0].read_text().replace(f"return {result}", f"return -{result}"))
    with pytest.raises(AssertionError):
        run_test(files[1])


@pytest.mark.parametrize("taken", ["methods/my_idea.py", "methods/generated/my_idea.py", "tests/test_my_idea.py"])
def test_a_name_that_is_taken_is_refused_and_nothing_written(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(parents=True)
    (tmp_path / taken).write_text("mine")
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
        new_method(name, kind, tmp_path / "methods", tmp_path / "tests")
    assert list(tmp_path.iterdir()) == []
