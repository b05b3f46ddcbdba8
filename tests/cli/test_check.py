"""`prunebench check` says which promises a method breaks, and how."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run

BAD = """
METHOD = {"title": "Bad", "family": "test", "patterns": ["unstructured"], "group": "row"}

def prune_layer(layer, inputs, target):
    return layer.weight * 0
"""


def test_a_good_method_passes(run: Run) -> None:
    result = run("check", "magnitude")
    assert result.code == 0
    assert "magnitude passes 12 checks" in result.out
    assert "FAILED" not in result.out


def test_one_check_can_be_run_alone(run: Run) -> None:
    result = run("check", "magnitude", "--only", "exact_n_m", "--only", "in_time")
    assert result.code == 0
    assert [line.split()[1] for line in result.out.splitlines() if line.startswith("ok")] == ["exact_n_m", "in_time"]


def test_an_unknown_check_is_refused(run: Run) -> None:
    result = run("check", "magnitude", "--only", "exact_nm")
    assert result.code == 2
    assert "unknown check 'exact_nm' in the contract of magnitude; did you mean 'exact_n_m'?" in result.err


def test_broken_promises_are_listed_with_reasons(run: Run, project: Path) -> None:
    (project / "methods/bad.py").write_text(BAD)
    result = run("check", "bad", "--only", "exact_sparsity", "--only", "all_finite")
    assert result.code == 1
    lines = result.out.splitlines()
    failed = next(number for number, line in enumerate(lines) if line.startswith("FAILED"))
    assert "exact_sparsity" in lines[failed]
    assert "64 of the 64 weights of row 0 are zero, u50 asks for 32" in lines[failed + 1]
    assert any(line.startswith("ok") and "all_finite" in line for line in lines)
    assert lines[-1] == "bad fails 1 of 2 checks"


def test_a_broken_header_is_a_failed_check(run: Run, project: Path) -> None:
    (project / "methods/bad.py").write_text(BAD.replace("patterns", "pattern"))
    result = run("check", "bad")
    assert result.code == 1
    assert "FAILED  header_valid" in result.out
    assert "unknown key 'pattern' in METHOD (methods/bad.py:2); did you mean 'patterns'?" in result.out


def test_variants_are_checked_too(run: Run) -> None:
    assert run("check", "sparsegpt@damping=0.1", "--only", "in_time").code == 0
    result = run("check", "sparsegpt@dampening=0.1")
    assert result.code == 2
    assert "did you mean 'damping'" in result.err
    result = run("check", "dsnot@skip=self_atn")
    assert result.code == 2
    assert "unknown value of 'skip' 'self_atn' in method 'dsnot@skip=self_atn'; did you mean 'self_attn'?" in result.err


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ("import os; os._exit(0)", "exited with status 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed by signal 9"),
        ("import os; os.closerange(3, 100); os._exit(0)", "exited with status 0"),
    ],
)
def test_a_method_that_ends_its_process_has_failed(run: Run, project: Path, ending: str, why: str) -> None:
    (project / "methods/bad.py").write_text(BAD.replace("return", f"{ending}; return"))
    result = run("check", "bad")
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[-3].startswith("FAILED  header_valid")
    assert f"{why}" in lines[-2]
    assert "before the check was over; the other checks were not run" in lines[-2]
    assert lines[-1] == "bad fails 1 of 1 checks"


def test_an_interrupt_that_a_method_raises_is_the_methods(run: Run, project: Path) -> None:
    (project / "methods/bad.py").write_text(BAD.replace("return", "raise KeyboardInterrupt; return"))
    result = run("check", "bad", "--only", "all_finite", "--only", "works_on_opt")
    assert result.code == 1
    assert "bad raised KeyboardInterrupt" in result.out
    assert "for the same reason as all_finite" in result.out
    assert result.out.count("KeyboardInterrupt") == 1


@pytest.mark.parametrize("first", ["import nowhere_to_be_found", "import os; os._exit(0)", "raise SystemExit(0)"])
def test_a_file_that_cannot_be_imported_is_a_failed_check(run: Run, project: Path, first: str) -> None:
    (project / "methods/bad.py").write_text(f"{first}\n{BAD}")
    result = run("check", "bad")
    assert result.code == 1
    assert "FAILED  header_valid" in result.out
    assert result.out.splitlines()[-1] == "bad fails 1 of 1 checks"
