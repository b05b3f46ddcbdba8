from pathlib import Path

import pytest

from tests.sweeps.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A fresh project in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Project()
