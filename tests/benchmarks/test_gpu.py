"""The benchmark for GPUs runs, tiny, wherever the tests do: it is not to rot until a GPU is at hand."""

import pytest
import torch

from benchmarks import gpu
from benchmarks.random_model import METHODS


@pytest.fixture(autouse=True)
def _leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "reset_global_state", lambda seed, threads: None)  # this process has other tests to run


@pytest.mark.parametrize("options", [[], ["--mapped"]])
def test_it_prints_a_table_with_a_row_for_each_method(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    gpu.main(["--tiny", *options])
    lines = capsys.readouterr().out.splitlines()
    assert "4 x 16 calibration tokens" in lines[0]
    assert ("mapped" in lines[0]) == bool(options)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[4:]]
    assert [row[:2] for row in rows] == [[name, target] for name, target in METHODS.items()]
    assert all(float(cell) >= 0 for row in rows for cell in row[2:])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_large_model_is_for_a_gpu() -> None:
    with pytest.raises(SystemExit, match="no CUDA device"):
        gpu.main([])
