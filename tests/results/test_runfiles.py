"""The rows and what names their digest are always of one process."""

import threading
from pathlib import Path

import pandas as pd
import pytest

from prunebench.results.runfiles import read_run, write_run
from prunebench.worklock import alone


def test_who_collects_waits_for_another_that_does(tmp_path: Path) -> None:
    files = tmp_path / "metrics.csv", tmp_path / "provenance.json"
    second = threading.Thread(target=write_run, args=(pd.DataFrame({"a": [1]}), {"cells": 1}, *files))
    with alone([files[0]], pytest.fail):
        second.start()
        second.join(0.5)
        assert second.is_alive()
        assert not any(path.exists() for path in files)
    second.join()
    assert read_run(*files)["cells"] == 1
