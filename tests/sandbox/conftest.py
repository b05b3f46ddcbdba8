import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from prunebench.config.schema import SandboxLimits
from prunebench.engine.statistics import InputStatistics
from prunebench.sandbox.policy import Policy
from prunebench.sandbox.remote import RemoteFunction

HOSTILE = Path(__file__).with_name("hostile_method.py")
LIMITS = SandboxLimits(minutes=10, memory_gb=0.5, scratch_mb=8)
IMPATIENT = LIMITS.model_copy(update={"minutes": 0.05})

# One call with a weight (8, 16) of ones to 128; returns the saliency, and the notes.
Call = Callable[..., tuple[torch.Tensor, list[str]]]


@pytest.fixture(scope="session", autouse=True)
def bubblewrap() -> None:
    """Skip everything here, loudly, where there is no sandbox to test."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed: THE SANDBOX IS NOT TESTED (apt-get install bubblewrap)")
    probe = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    if (tried := subprocess.run(probe, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"bubblewrap does not work here: THE SANDBOX IS NOT TESTED ({tried.stderr.strip()})")


@pytest.fixture(scope="module")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project") / "generated" / "hostile.py"
    path.parent.mkdir()
    shutil.copy(HOSTILE, path)
    return path


@pytest.fixture(scope="module")
def hostile(hostile_file: Path) -> Iterator[RemoteFunction]:
    """The hostile method, in one sandbox as long as it behaves."""
    function = RemoteFunction(hostile_file, "score", Policy(LIMITS))
    yield function
    function.close()


@pytest.fixture
def call(hostile: RemoteFunction) -> Call:
    return caller(hostile)


def caller(function: RemoteFunction) -> Call:
    weight = torch.arange(1.0, 129.0).reshape(8, 16)

    def do(mode: str, where: Any = "") -> tuple[torch.Tensor, list[str]]:
        notes: list[str] = []
        saliency = function(weight, InputStatistics([], False), mode=mode, where=str(where), note=notes.append)
        return saliency, notes

    return do
