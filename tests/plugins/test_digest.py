"""The digest moves with what a method computes, and with nothing else."""

from pathlib import Path

import pytest

from prunebench.plugins.digest import method_digest

SOURCE = '''"""Docstring."""
import torch

METHOD = {"title": "T", "family": "f", "patterns": ["unstructured"], "group": "row", "cite": "c", "params": {"a": 1}}


class Helper:
    """What it is."""

    def double(self, x):
        """Twice."""
        return x * 2


def score(weight, inputs, a=1):
    """Saliency."""
    b = "text"
    return weight.abs() + a  # a comment
'''


def digest(folder: Path, source: str) -> str:
    path = folder / "method.py"
    path.write_text(source)
    return method_digest(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Docstring."""', '"""Another\n\nlonger docstring."""\n\n# and a comment'),
        ('    """Saliency."""\n', ""),
        ('        """Twice."""\n', '        """Two times."""\n'),
        ('    """What it is."""\n', ""),
        ("  # a comment", ""),
        ("weight.abs() + a", "(weight.abs()\n            + a)"),
        ('"text"', "'text'"),
        ('"title": "T"', '"title": "A better title"'),
        ('"cite": "c"', '"cite": "d"'),
        ('"title": "T", "family": "f"', '"family": "f",\n    "title": "T"'),
        ('"group": "row"', '"group": "row", "origin": "human", "needs": []'),  # the defaults, spelled out
        ('"params": {"a": 1}', '"params": {"a": 1}, "choices": {"a": [1, 2]}'),
    ],
)
def test_wording_does_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert digest(tmp_path, SOURCE.replace(old, new, 1)) == digest(tmp_path, SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weight.abs() + a", "weight.abs() - a"),
        ("weight.abs() + a", "weight.abs() + a + 0.0"),
        ("x * 2", "x * 2.0"),
        ("x * 2", "x * True"),
        ('"text"', 'b"text"'),
        ('b = "text"', 'b = ("text",)'),
        ("a=1", "a=None"),
        ("import torch", "import torch as t"),
        ('"row"', '"matrix"'),
        ('{"a": 1}', '{"a": 2}'),
        ('["unstructured"]', '["unstructured", "n:m"]'),
        ('"family": "f"', '"family": "g"'),
    ],
)
def test_meaning_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    assert digest(tmp_path, SOURCE.replace(old, new, 1)) != digest(tmp_path, SOURCE)


def test_data_files_beside_the_method_count(tmp_path: Path) -> None:
    without = digest(tmp_path, SOURCE)
    (tmp_path / "method.json").write_text("[1]")
    one = digest(tmp_path, SOURCE)
    (tmp_path / "method.json").write_text("[2]")
    two = digest(tmp_path, SOURCE)
    (tmp_path / "method.json").rename(tmp_path / "method.txt")
    renamed = digest(tmp_path, SOURCE)
    assert len({without, one, two, renamed}) == 4


def test_other_files_do_not_count(tmp_path: Path) -> None:
    before = digest(tmp_path, SOURCE)
    (tmp_path / "other.py").write_text("x = 1")
    (tmp_path / "method2.json").write_text("[1]")
    assert digest(tmp_path, SOURCE) == before


def test_the_place_of_the_file_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert digest(tmp_path, SOURCE) == digest(tmp_path / "elsewhere", SOURCE)


def test_a_broken_file_has_a_digest_too(tmp_path: Path) -> None:
    one, two = digest(tmp_path, SOURCE + ")"), digest(tmp_path, SOURCE + "))")
    assert one != two
    assert one == digest(tmp_path, SOURCE + ")")


def test_the_digest_is_the_same_in_every_process_and_python() -> None:
    """Records of years are compared with it: change it only on purpose, together with ENGINE_VERSION."""
    path = Path(__file__).with_name("frozen_method.py")
    assert method_digest(path) == "ae12d00551b12fed"
