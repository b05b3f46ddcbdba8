"""With mapped weights a cell holds as much memory for a deep model as for a shallow one; in memory it does not."""

from pathlib import Path

import pytest

from benchmarks.depth import measured, write_model
from prunebench.models.mapped import scratch_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells pages of files apart"),
]
FEW, MANY, HIDDEN, INTERMEDIATE = 2, 10, 768, 2048
BLOCK_BYTES = 2 * (4 * HIDDEN**2 + 3 * HIDDEN * INTERMEDIATE)
GROWTH = (MANY - FEW) * BLOCK_BYTES  # of one copy of the model in bfloat16, 113 MB


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Checkpoints in float32, so that the dense model in bfloat16 cannot be mapped from them."""
    return [
        write_model(tmp_path_factory.mktemp("models") / str(blocks), blocks, HIDDEN, INTERMEDIATE, "float32")
        for blocks in (FEW, MANY)
    ]


@pytest.mark.parametrize("method", ["wanda", "flap"])
def test_memory_does_not_grow_with_depth(folders: list[Path], method: str) -> None:
    assert scratch_folder().is_dir()
    # The peak is looked for now and then: on a busy machine a reading may miss it, and be too low, never too high.
    shallow, deep = folders
    few = max(measured(shallow, method, "mapped", "bfloat16")["held"] for _ in range(2))
    many = measured(deep, method, "mapped", "bfloat16")["held"]
    assert many - few < 0.5 * GROWTH


def test_in_memory_it_does(folders: list[Path]) -> None:
    few, many = (measured(folder, "wanda", "memory", "bfloat16")["held"] for folder in folders)
    assert many - few > 1.5 * GROWTH
