"""Who works on a file keeps others off it, as long as it lives and where there are locks."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from prunebench.errors import StorageError
from prunebench.locks import holder
from prunebench.worklock import alone, lock_of
from tests.mounts import read_only


def test_a_lock_is_held_within_the_block_and_leaves_nothing(tmp_path: Path) -> None:
    path, said = tmp_path / "sweep" / "u50.json", list[str]()
    with alone([path], said.append) as waited:
        assert not waited
        assert holder(lock_of(path)) == f"process {os.getpid()} on {os.uname().nodename}"
    assert holder(lock_of(path)) is None
    assert not list(path.parent.iterdir())
    assert said == []


def test_a_lock_file_that_nobody_holds_is_taken_over(tmp_path: Path) -> None:
    lock_of(tmp_path / "u50.json").write_text("process 1 on another-host")
    with alone([tmp_path / "u50.json"], pytest.fail) as waited:
        assert not waited


def test_without_locks_the_work_is_done_and_it_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    said: list[str] = []
    with alone([tmp_path / "a.json", tmp_path / "b.json"], said.append) as waited:
        assert not waited
    (sentence,) = said
    assert "is on a file system without locks (No locks available): two runs may compute the same twice" in sentence


def test_a_read_only_folder_is_told_of_by_its_lock(tmp_path: Path) -> None:
    refused = pytest.raises(StorageError, match=r"\(Read-only file system\)")
    with read_only(tmp_path / "results"), refused, alone([tmp_path / "results" / "u50.json"], pytest.fail):
        pass
