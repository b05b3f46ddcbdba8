"""Locks on files: for every user, whoever looks at them, and on disks that are full or know none."""

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from prunebench.errors import StorageError
from prunebench.locks import NoLocks, holder, open_lock, sign, signature, try_lock
from tests.mounts import fill, small_disk
from tests.nobody import as_nobody, mode, shared_folder

ME = f"process {os.getpid()} on {os.uname().nodename}"


def test_the_holder_is_named_until_it_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    assert holder(path) is None
    descriptor = open_lock(path)
    assert try_lock(descriptor)
    assert holder(path) == "a process"
    os.write(descriptor, b"something longer than a signature" * 9)
    sign(descriptor, path)
    other = open_lock(path)
    assert (holder(path), signature(other), try_lock(other)) == (ME, ME, False)
    os.close(descriptor)
    assert holder(path) is None
    assert try_lock(other)
    os.close(other)


def test_who_looks_whether_a_lock_is_held_keeps_nobody_from_taking_it(tmp_path: Path) -> None:
    looking, taking = open_lock(tmp_path / "lock"), open_lock(tmp_path / "lock")
    fcntl.flock(looking, fcntl.LOCK_SH)  # as `holder` does for a moment
    end = threading.Timer(0.2, os.close, [looking])
    end.start()
    assert try_lock(taking)
    end.join()
    os.close(taking)


def test_what_is_no_plain_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "link", tmp_path):
        with pytest.raises(StorageError, match="cannot be written"):
            open_lock(path)


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "16k"):
        path = tmp_path / "disk" / "lock"
        descriptor = open_lock(path)
        fill(tmp_path / "disk")
        assert try_lock(descriptor)
        with pytest.raises(StorageError, match=r"lock cannot be written \(No space left on device\); free space"):
            sign(descriptor, path)
        os.close(descriptor)


def test_without_locks_nobody_holds_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    descriptor = open_lock(tmp_path / "lock")
    monkeypatch.setattr(fcntl, "flock", flock)
    assert holder(tmp_path / "lock") is None
    with pytest.raises(NoLocks, match="No locks available"):
        try_lock(descriptor)
    os.close(descriptor)


def test_the_lock_file_of_another_user_can_be_taken_over_whatever_the_umask() -> None:
    def take(path: Path) -> bool:
        descriptor = open_lock(path)
        taken = try_lock(descriptor)
        sign(descriptor, path)
        return taken

    with shared_folder() as folder:
        umask = os.umask(0o077)
        try:
            os.close(open_lock(folder / "lock"))
        finally:
            os.umask(umask)
        assert mode(folder / "lock") == 0o666
        assert as_nobody(lambda: take(folder / "lock"))
        assert "process" in (folder / "lock").read_text()
        (folder / "readable").touch(mode=0o644)
        assert as_nobody(lambda: take(folder / "readable"))
