"""One worker per GPU: the lock, which needs no GPU to be tested."""

import multiprocessing
import os
import signal
import uuid
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from prunebench.sweeps.device import claim_device, claim_first_free


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return [str(uuid.uuid4()), str(uuid.uuid4())]


def hold(names: list[str], folder: str, pipe: Connection) -> None:
    import tempfile

    tempfile.tempdir = folder
    index, lock = claim_first_free(names, pipe.send)
    pipe.send(index)
    pipe.recv()
    lock.close()


def other_process(names: list[str], folder: Path) -> tuple[BaseProcess, Connection]:
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
    third, third_pipe = other_process(names, tmp_path)
    assert third_pipe.recv() == "waiting for one of 2 busy GPU(s)"
    assert not third_pipe.poll(1)
    lock.close()
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
    lock.close()


def test_a_lock_file_of_somebody_else_that_may_only_be_read_will_do(names: list[str], tmp_path: Path) -> None:
    path = tmp_path / f"prunebench-gpu-{names[0]}.lock"
    path.touch(mode=0o444)
    index, lock = claim_first_free(names, pytest.fail)
    assert index == 0
    lock.close()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_cpu_is_taken() -> None:
    assert claim_device(pytest.fail) == torch.device("cpu")


@pytest.mark.gpu
def test_a_gpu_is_taken_where_there_is_one() -> None:
    assert claim_device(pytest.fail).type == "cuda"
