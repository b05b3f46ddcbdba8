import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.project import SlurmProject

_PORTS = {"test_grid": 16817, "test_faults": 16837}  # test modules may run side by side


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A running Slurm; without root or its packages the test is skipped, and says so."""
    if os.geteuid() != 0:
        pytest.skip("a Slurm of one's own needs root")
    if shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("Slurm is not installed (Debian: slurmctld slurmd slurm-client munge)")
    # Sockets have short paths, and munge insists on folders that everybody may enter.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    cluster = Cluster(folder)
    try:
        if reason := cluster.start(_PORTS[request.module.__name__.rpartition(".")[2]]):
            assert "resolves to" in reason, reason
            pytest.skip(f"Slurm does not start here: {reason}")
        yield cluster
    finally:
        cluster.purge()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path) -> SlurmProject:
    """A fresh project whose runs go through Slurm."""
    return SlurmProject(tmp_path / "project", cluster)
