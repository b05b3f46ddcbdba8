import shutil
from pathlib import Path

import pytest

from tests.workflow.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project with `magnitude` and `wanda`."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("finished") / "project")
    project.collect()
    return project


@pytest.fixture
def finished(_finished: Project, tmp_path: Path) -> Project:
    """A copy of a project whose records are all there: `magnitude` and `wanda` at u50, perplexity only."""
    shutil.copytree(_finished.root, tmp_path / "project", symlinks=True)
    return Project.opened(tmp_path / "project", _finished.config)
