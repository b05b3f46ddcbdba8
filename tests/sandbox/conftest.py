import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from prunebench.config.schema import SandboxLimits
from prunebench.engine.statistics import InputStatistics
from prunebench.errors import ContractError, MethodFailure, PrunebenchError
from prunebench.sandbox.policy import Policy
from prunebench.sandbox.remote import RemoteFunction

LIMITS = SandboxLimits(minutes=10, memory_gb=0.5, scratch_mb=8)
IMPATIENT = LIMITS.model_copy(update={"minutes": 0.05})

# One call with a weight (8, 16) of ones to 128; returns the saliency, and the notes.
Call = Callable[..., tuple[torch.Tensor, list[str]]]


@pytest.fixture(scope="module")
def hostile_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the method that the test's module names."""
    path = tmp_path_factory.mktemp("project") / "generated" / "hostile.py"
    path.parent.mkdir()
    shutil.copy(Path(__file__).with_name(request.module.METHOD), path)
    return path


@pytest.fixture(scope="module")
def hostile(hostile_file: Path) -> Iterator[RemoteFunction]:
    """The hostile method, in one sandbox as long as it behaves."""
    function = RemoteFunction(hostile_file, "score", Policy(LIMITS))
    yield function
    function.close()


@pytest.fixture
def call(hostile: RemoteFunction) -> Iterator[Call]:
    """Whatever a test does with it, the next call of a good method has to work."""
    call = caller(hostile)
    yield call
    assert torch.equal(call("good")[0], torch.arange(1.0, 129.0).reshape(8, 16))


def caller(function: RemoteFunction) -> Call:
    weight = torch.arange(1.0, 129.0).reshape(8, 16)

    def do(mode: str, where: Any = "") -> tuple[torch.Tensor, list[str]]:
        notes: list[str] = []
        saliency = function(weight, InputStatistics([], False), mode=mode, where=str(where), note=notes.append)
        return saliency, notes

    return do


def check_failure(call: Call, mode: str, mark: Path, statuses: str, part: str) -> None:
    """Call it; it fails with one of `statuses` (`a|b`) and a printable reason with `part`, and makes no `mark`."""
    own = psutil.Process()
    before = own.memory_info().rss
    with pytest.raises(PrunebenchError) as caught:
        call(mode, mark)
    error = caught.value
    assert isinstance(error, MethodFailure | ContractError)
    status = error.status if isinstance(error, MethodFailure) else "rejected"
    assert status in statuses.split("|"), str(error)
    assert part in str(error)
    assert str(error).isprintable()
    assert not mark.exists(), "nothing was unpickled"
    assert own.memory_info().rss - before < 100e6, "nothing huge was taken in"


def check_timeout(path: Path, mode: str) -> None:
    """Call it with little time; it is ended when that is over."""
    function = RemoteFunction(path, "score", Policy(IMPATIENT))
    try:
        with pytest.raises(MethodFailure, match=r"took longer than sandbox.minutes = 0.05") as caught:
            caller(function)(mode)
        assert caught.value.status == "timeout"
        assert function._process is None
    finally:
        function.close()
