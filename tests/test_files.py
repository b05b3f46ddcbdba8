"""A file is whole or absent, whatever happens while it is written."""

from pathlib import Path

import pytest

from prunebench.files import digest_folder, digest_json, replacing, write_text


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
