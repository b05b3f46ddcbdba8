"""Workflow files follow the formatter, the linter and this project's own limits."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, Project, environment

SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


def test_snakemake_lint_finds_nothing(project: Project) -> None:
    assert "Congratulations, your workflow is in a good condition!" in project.snakemake("--lint")


def test_snakefmt_would_change_nothing() -> None:
    command = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_thin_and_each_is_used(script: Path) -> None:
    assert len(script.read_text().splitlines()) <= 25
    assert any(f'"../scripts/{script.name}"' in rules.read_text() for rules in RULES)


@pytest.mark.parametrize("rules", [*RULES, ROOT / "Snakefile"], ids=lambda path: path.name)
def test_rule_files_are_short_and_never_respawn_snakemake(rules: Path) -> None:
    text = rules.read_text()
    assert len(text.splitlines()) <= 120
    assert not re.search(r"^\s*run:", text, flags=re.MULTILINE)
