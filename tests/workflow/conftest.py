import shutil
from pathlib import Path

import pytest
import yaml

from tests.workflow.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project with `magnitude` and `wanda`."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is."""
    project = Project(tmp_path_factory.mktemp("finished") / "project")
    project.collect()
    return project.root


@pytest.fixture
def finished(_finished: Path, tmp_path: Path) -> Project:
    """A copy of a project whose records are all there: `magnitude` and `wanda` at u50, perplexity only."""
    return copy_of(_finished, tmp_path / "project")


def copy_of(finished: Path, root: Path) -> Project:
    """The finished project at another place."""
    shutil.copytree(finished, root, symlinks=True)
    return Project.opened(root, yaml.safe_load((root / "config.yaml").read_text()))
