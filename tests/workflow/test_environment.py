"""One set of pins: what pyproject asks for is in the lock file, conda reads the same file, make notices a change."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml

from tests.workflow.project import ROOT


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lock_pins() -> dict[str, str]:
    lines = [line.strip() for line in (ROOT / "requirements.lock").read_text().splitlines()]
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "every line is name==version"
    return {canonical(name): pin for name, pin in pairs}


def wanted() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    return [canonical(re.split(r"[<>=!~\[; ]", requirement)[0]) for requirement in requirements]


def test_every_direct_dependency_is_pinned_once() -> None:
    pins = lock_pins()
    assert [name for name in wanted() if name not in pins] == []
    assert len(pins) == sum("==" in line for line in (ROOT / "requirements.lock").read_text().splitlines())


def test_the_lock_fits_machines_with_and_without_a_gpu() -> None:
    pins = lock_pins()
    assert "+" not in pins["torch"]
    assert [name for name in pins if name.startswith(("nvidia-", "cuda-", "triton", "prunebench"))] == []


def test_conda_users_get_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}
    assert [re.split("=", name)[0] for name in conda] == ["python", "pip"], "a package pinned twice drifts"


def test_the_tests_run_with_the_pinned_versions() -> None:
    different = {}
    for name, pin in lock_pins().items():
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            found = "not installed"
        if found != pin:
            different[name] = (found, pin)
    assert different == {}, "run `make environment`, or put the new versions into requirements.lock"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The Makefile and its pins, with an environment that is up to date and a stand-in for every command."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    stamp = (tmp_path / "requirements.lock").read_bytes() + (tmp_path / "pyproject.toml").read_bytes()
    (tmp_path / ".venv" / "installed-from").write_bytes(stamp)
    return tmp_path


def plan(clone: Path, *arguments: str) -> str:
    """What make would do."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("spoil", ["requirements.lock", "pyproject.toml", ".venv/installed-from"])
def test_a_stale_or_missing_environment_is_made_and_a_current_one_kept(clone: Path, spoil: str) -> None:
    assert "pip install" not in plan(clone, "environment")
    (clone / spoil).unlink() if spoil.startswith(".venv") else (clone / spoil).write_text("# changed\n")
    said = plan(clone, "environment")
    assert "pip install" in said
    assert str(clone / ".venv") not in said.split(" -m venv ")[0].splitlines()[-1]  # not made by what it replaces
    assert said.index("-r requirements.lock") < said.rindex("> .venv/installed-from")  # the stamp comes last


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_two_commands_need_nothing_but_the_environment(clone: Path) -> None:
    assert "snakemake --cores all" in plan(clone, "leaderboard")
    assert "pytest" in plan(clone, "test").splitlines()[-1]


def test_continuous_integration_calls_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make test", script.read_text(), flags=re.MULTILINE)
