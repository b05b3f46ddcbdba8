import fcntl
import os
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
    """Where it is; it is run once, by whichever of the processes that test side by side needs it first."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    root, mark = shared / "finished", shared / "is-finished"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            shutil.rmtree(root, ignore_errors=True)  # what an attempt that failed has left
            Project(root).collect()
            mark.touch()
    return root


@pytest.fixture
def finished(_finished: Path, tmp_path: Path) -> Project:
    """A copy of a project whose records are all there: `magnitude` and `wanda` at u50, perplexity only."""
    return copy_of(_finished, tmp_path / "project")


def copy_of(finished: Path, root: Path) -> Project:
    """The finished project at another place."""
    shutil.copytree(finished, root, symlinks=True)
    return Project.opened(root, yaml.safe_load((root / "config.yaml").read_text()))
