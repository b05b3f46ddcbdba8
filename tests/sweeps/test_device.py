"""One worker per GPU: the lock, which needs no GPU to be tested."""

import multiprocessing
import os
import signal
import uuid
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from prunebench.sweeps.device import LOCKS, claim_device, claim_first_free
from tests.nobody import mode


@pytest.fixture
def names() -> Iterator[list[str]]:
    names = [str(uuid.uuid4()), str(uuid.uuid4())]
    yield names
    for name in names:
        lock_file(name).unlink(missing_ok=True)


def lock_file(name: str) -> Path:
    return LOCKS / f"prunebench-gpu-{name}.lock"


def hold(names: list[str], folder: str, pipe: Connection) -> None:
    os.environ["TMPDIR"] = folder
    os.umask(0o077)
    index, lock = claim_first_free(names, pipe.send)
    pipe.send(index)
    pipe.recv()
    os.close(lock)


def other_process(names: list[str], folder: Path) -> tuple[BaseProcess, Connection]:
    """One that has a folder of its own for temporary files, and a umask that hides its files."""
    context = multiprocessing.get_context("spawn")  # a forked one would share the locks held here
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(names, str(folder), there), daemon=True)
    process.start()
    return process, here


def test_each_process_gets_a_gpu_of_its_own_and_the_third_waits(names: list[str], tmp_path: Path) -> None:
    index, lock = claim_first_free(names, pytest.fail)
    assert index == 0
    second, second_pipe = other_process(names, tmp_path)
    assert second_pipe.recv() == 1
    assert mode(lock_file(names[1])) == 0o666
    (tmp_path / "third").mkdir()
    third, third_pipe = other_process(names, tmp_path / "third")
    assert third_pipe.recv() == "waiting for one of 2 busy GPU(s)"
    assert not third_pipe.poll(1)
    os.close(lock)
    assert third_pipe.recv() == 0
    for process, pipe in ((second, second_pipe), (third, third_pipe)):
        pipe.send("done")
        process.join()


def test_a_killed_process_gives_its_gpu_back(names: list[str], tmp_path: Path) -> None:
    process, pipe = other_process(names[:1], tmp_path)
    assert pipe.recv() == 0
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    index, lock = claim_first_free(names[:1], pytest.fail)
    assert index == 0
    os.close(lock)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_cpu_is_taken() -> None:
    assert claim_device(pytest.fail) == torch.device("cpu")


@pytest.mark.gpu
def test_a_gpu_is_taken_where_there_is_one() -> None:
    assert claim_device(pytest.fail).type == "cuda"
