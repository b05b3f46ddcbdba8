"""A wheel's member and a local path are found the same way, and what is missing is named."""

import pytest

from prunebench.assets.source import locate
from prunebench.config.registry import LocalSource
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file
from tests.assets.index import make_wheel, pin, use_index


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    use_index(monkeypatch, tmp_path / "index")
    return make_wheel(tmp_path / "index", "some-data", "1.2", {"some_data/folder/a.txt": b"a", "some_data/b.txt": b"b"})


def test_a_member_may_be_a_file_or_a_folder(wheel, tmp_path):
    assert locate("t", pin(wheel, "some_data/b.txt"), tmp_path / "d").read_bytes() == b"b"
    folder = locate("t", pin(wheel, "some_data/folder"), tmp_path / "d")
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [("a.txt", b"a")]


def test_a_missing_member_is_named_with_where_the_path_breaks(wheel, tmp_path):
    with pytest.raises(PrunebenchError, match=r"'t'.* no member 'some_data/older/c.txt' \(nothing named 'older' in"):
        locate("t", pin(wheel, "some_data/older/c.txt"), tmp_path / "d")


def test_a_local_source_is_a_path_or_an_environment_variable_that_wins(tmp_path, monkeypatch):
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    source = LocalSource(kind="local", path=tmp_path / "one", env="SOME_DATA")
    monkeypatch.delenv("SOME_DATA", raising=False)
    assert locate("t", source).read_bytes() == b"1"
    monkeypatch.setenv("SOME_DATA", str(tmp_path / "two"))
    assert locate("t", source).read_bytes() == b"2"


def test_a_member_of_a_local_folder_may_also_be_given_as_the_file_itself(tmp_path):
    (tmp_path / "wiki.test.raw").write_text("text")
    for path in (tmp_path, tmp_path / "wiki.test.raw"):
        assert locate("t", LocalSource(kind="local", path=path, member="wiki.test.raw")).read_bytes() == b"text"


def test_a_local_source_that_is_not_there_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_DATA", str(tmp_path / "gone"))
    with pytest.raises(PrunebenchError, match=r"'t': .*gone \(from SOME_DATA\) does not exist"):
        locate("t", LocalSource(kind="local", env="SOME_DATA"))
    monkeypatch.delenv("SOME_DATA")
    with pytest.raises(PrunebenchError, match=r"'t': set the environment variable SOME_DATA"):
        locate("t", LocalSource(kind="local", env="SOME_DATA"))


def test_a_local_file_with_a_pinned_checksum_must_be_that_file(tmp_path):
    (tmp_path / "file").write_text("text")
    right = LocalSource(kind="local", path=tmp_path / "file", sha256=sha256_file(tmp_path / "file"))
    assert locate("t", right).read_bytes() == b"text"
    with pytest.raises(PrunebenchError, match=r"'t': .*/file is not the file whose sha256 is pinned"):
        locate("t", right.model_copy(update={"sha256": "0" * 64}))
