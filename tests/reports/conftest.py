import pytest

from prunebench.results.runfiles import read_run, write_run
from prunebench.sealed import write_sealed_json
from tests.results.example import make_run


def save_run(run, frame=None, summary=None):
    """Write what `collect` leaves, or another table or summary; returns the two files."""
    paths = run.root / "results/metrics.csv", run.root / "results/provenance.json"
    write_run(run.collect() if frame is None else frame, summary or run.summary(), *paths)
    return paths


def amend(run_files, provenance, changes):
    """Write the run's `provenance.json` with some keys changed to `provenance`."""
    write_sealed_json(provenance, read_run(*run_files) | changes)


@pytest.fixture(scope="session")
def run_files(tmp_path_factory):
    """`metrics.csv` and `provenance.json` of the example run."""
    return save_run(make_run(tmp_path_factory.mktemp("run")))
