"""`prunebench new-method` leaves a method that `prunebench check` accepts."""

from pathlib import Path

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
