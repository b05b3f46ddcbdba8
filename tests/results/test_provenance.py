"""Provenance says what made a number, and nothing about whose machine it was."""

import getpass
import json
import os
import platform
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import prunebench
from prunebench.files import sha256_file
from prunebench.results.provenance import git_state, package_version, provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    result = subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True, env=environment
    )
    return result.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package committed to a repository of its own."""
    folder = tmp_path / "checkout" / "package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("x = 1\n")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "first")
    return folder


def test_it_has_the_versions_that_are_installed() -> None:
    made_by = provenance(threads=2)
    assert made_by["prunebench"] == prunebench.__version__
    assert made_by["python"] == platform.python_version()
    for key, package in {"torch": "torch", "transformers": "transformers", "lm_eval": "lm-eval"}.items():
        assert made_by[key] == metadata.version(package)
    assert made_by["threads"] == 2
    assert made_by["cores"] == os.cpu_count()


def test_it_has_the_hash_of_the_lock_file() -> None:
    lock = Path(prunebench.__file__).parents[1] / "requirements.lock"
    assert provenance()["lock_sha256"] == (sha256_file(lock) if lock.exists() else None)


def test_it_names_no_host_no_user_and_no_path() -> None:
    text = json.dumps(provenance(threads=1, device="cuda", gpu="Some GPU")).lower()
    words = {socket.gethostname(), str(Path.home()), str(Path(prunebench.__file__).parents[1])}
    if len(getpass.getuser()) > 4:  # "root" may be part of a word
        words.add(getpass.getuser())
    for word in words:
        # A host called by one short word ("vm") may be part of a kernel's name.
        assert len(word) < 4 or word.lower() not in text


def test_the_same_surroundings_are_equal_and_others_are_not() -> None:
    assert provenance(threads=1) == provenance(threads=1)
    assert provenance(threads=1) != provenance(threads=2)
    assert provenance(device="cuda", gpu="A") != provenance(device="cuda", gpu="B")


def test_changing_what_was_returned_changes_nothing_else() -> None:
    provenance(threads=1)["torch"] = "forged"
    assert provenance(threads=1)["torch"] != "forged"


def test_a_clean_checkout_has_its_commit(package: Path) -> None:
    assert git_state(package) == {"git_sha": git(package, "rev-parse", "HEAD"), "git_dirty": False}


def test_an_edited_file_makes_it_dirty(package: Path) -> None:
    (package / "__init__.py").write_text("x = 2\n")
    assert git_state(package)["git_dirty"] is True


def test_a_file_git_does_not_know_leaves_it_clean(package: Path) -> None:
    (package.parent / "notes.txt").write_text("results of a run")
    assert git_state(package)["git_dirty"] is False


def test_a_methods_file_that_is_in_no_commit_makes_its_pruning_dirty(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = {**provenance(), "git_sha": git(package, "rev-parse", "HEAD"), "git_dirty": False}
    monkeypatch.setattr("prunebench.results.provenance._environment", lambda: clean)
    code, other = package.parent / "methods" / "mine.py", package / "__init__.py"
    code.parent.mkdir()
    code.write_text("METHOD = {}\n")
    assert provenance(code=code)["git_dirty"] is True
    assert provenance(code=other)["git_dirty"] is False
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-q", "-m", "mine")
    assert provenance(code=code)["git_dirty"] is False
    code.with_suffix(".csv").write_text("1\n")
    assert provenance(code=code)["git_dirty"] is True


def test_a_package_installed_inside_somebodys_repository_has_no_commit(package: Path) -> None:
    installed = package.parent / ".venv" / "lib" / "package"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("x = 1\n")
    assert git_state(installed) == {"git_sha": None, "git_dirty": None}


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    assert git_state(tmp_path) == {"git_sha": None, "git_dirty": None}


def test_without_git_there_is_no_commit(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(package) == {"git_sha": None, "git_dirty": None}


def test_a_git_hooks_environment_does_not_mislead(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = git(package, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(package / "nowhere"))
    assert git_state(package)["git_sha"] == sha


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert package_version("no-such-package-anywhere") is None


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom prunebench.results.provenance import provenance\nprovenance()\n"
        "print([name for name in ('torch', 'transformers', 'numpy') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
