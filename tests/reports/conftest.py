import pytest

from prunebench.files import write_json
from prunebench.results.collect import write
from tests.results.example import make_run


def save_run(run):
    """Write what `collect` leaves; returns the two files."""
    paths = run.root / "results/metrics.csv", run.root / "results/provenance.json"
    write(run.collect(), paths[0])
    write_json(paths[1], run.summary())
    return paths


@pytest.fixture(scope="session")
def run_files(tmp_path_factory):
    """`metrics.csv` and `provenance.json` of the example run."""
    return save_run(make_run(tmp_path_factory.mktemp("run")))
