"""A project folder with what this repository ships."""

import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def enter_shipped_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the config and the methods of this repository to a folder, and make it the working directory."""
    for name in ("config", "methods"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(folder)
    return folder
