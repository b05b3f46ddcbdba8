"""`prunebench new-method` leaves a method that `prunebench check` accepts."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_new_method_can_be_checked_at_once(run: Run, project: Path) -> None:
    result = run("new-method", "my_idea", "--kind", "layer")
    assert result.code == 0
    assert "wrote methods/my_idea.py" in result.out
    assert (project / "tests/methods/test_my_idea.py").is_file()
    assert run("check", "my_idea", "--only", "exact_n_m").code == 0


def test_a_name_that_exists_is_refused(run: Run) -> None:
    result = run("new-method", "wanda")
    assert result.code == 2
    assert result.err == "prunebench: methods/wanda.py exists already; choose another name\n"


@pytest.mark.parametrize("name", ["1abc", "class", "import"])
def test_names_that_are_no_names_of_python_are_refused(run: Run, name: str) -> None:
    result = run("new-method", name)
    assert result.code == 2
    assert "begin with a letter, and take no word of Python" in result.err
