"""A file is whole or absent, whatever happens while it is written."""

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from prunebench.errors import StorageError
from prunebench.files import check_writable, digest_folder, digest_json, replacing, unwritable, write_text
from tests.mounts import small_disk


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as temporary:
        temporary.write_text("half \udcff", encoding="utf-8")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_written_files_are_readable_by_others(tmp_path):
    write_text(tmp_path / "a.json", "[]")
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def test_equal_values_have_equal_digests() -> None:
    assert digest_json({"x": 1, "y": 2}) == digest_json({"y": 2, "x": 1}) != digest_json({"x": 1, "y": 3})


def test_a_folder_has_another_digest_when_a_file_changes_moves_or_appears(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.py").write_text("a")
    seen = {digest_folder(tmp_path)}
    (tmp_path / "sub" / "a.pyc").write_text("bytecode")
    assert digest_folder(tmp_path) in seen
    for change in (
        lambda: (tmp_path / "sub" / "a.py").write_text("b"),
        lambda: (tmp_path / "sub" / "a.py").rename(tmp_path / "a.py"),
        lambda: (tmp_path / "b.py").write_text(""),
    ):
        change()
        digest = digest_folder(tmp_path)
        assert digest not in seen
        seen.add(digest)


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, done, fsync, replace = tmp_path / "a.txt", list[str](), os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append(f"synced {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        done.append(f"renamed to {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_text(path, "12345")
    assert done == ["synced 5 bytes", "renamed to a.txt"]


@pytest.mark.parametrize("library", [False, True])
def test_a_full_disk_is_one_sentence_and_leaves_no_litter(tmp_path: Path, library: bool) -> None:
    path = tmp_path / "disk" / "a.safetensors"

    def write(temporary: Path) -> None:
        if library:
            save_file({"a": np.zeros(10**6)}, temporary)
        else:
            temporary.write_bytes(bytes(10**6))

    with small_disk(path.parent, "100k"):
        refused = pytest.raises(
            StorageError, match=r"a\.safetensors cannot be written \(No space left on device\); free"
        )
        with refused, replacing(path) as temporary:
            write(temporary)
        assert not list(path.parent.iterdir())
        with pytest.raises(StorageError, match=r"disk cannot be written \(No space left on device\)"):
            check_writable(path.parent)


def test_other_errors_of_whoever_writes_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a") as temporary:
        temporary.write_bytes((tmp_path / "absent").read_bytes())


def test_an_error_without_a_number_is_no_success() -> None:
    assert str(unwritable(Path("a"), None)).startswith("a cannot be written (the system does not say why); mend that")
