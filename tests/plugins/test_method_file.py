"""What a method's page is made of, from files of every kind; none of them runs."""

from pathlib import Path

import pytest

from prunebench.plugins.method_file import describe_file

VALID = '''"""Mine: what it does."""

METHOD = {
    "title": "Mine", "family": "test", "patterns": ["unstructured"], "needs": ["gram"], "group": "row",
    "cite": "me2026", "params": {"power": 2.0, "mode": "a"}, "choices": {"mode": ["a", "b"]},
    "published": {"status": "Error", "cause": "it divides by zero"},
}


def score(weight, inputs, power, mode):
    """Larger is kept."""
    open("ran", "w")
    return weight
'''


def test_a_valid_file_says_everything_and_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(VALID + 'raise SystemExit("ran")\n')
    found = describe_file("mine", path)
    assert found["source"] == path.read_text()
    assert (found["cut"], found["problem"]) == (0, "")
    assert (found["title"], found["kind"], found["patterns"], found["needs"]) == (
        "Mine", "score", ["unstructured"], ["gram"],
    )  # fmt: skip
    assert found["params"] == {"power": 2.0, "mode": "a"}
    assert found["choices"] == {"mode": ["a", "b"]}
    assert found["published"] == {"status": "Error", "cause": "it divides by zero"}
    assert found["doc"] == "Mine: what it does."
    assert found["function"] == {"name": "score", "doc": "Larger is kept."}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'"""Said."""\nMETHOD = {"title": "x"\n', "not valid Python"),
        (b'"""Said."""\nMETHOD = {}\n', "score"),
        (b"\xff\xfe broken \x00", "not valid Python"),
        (b"", "holds no code"),
        (b'"""Said."""\n' + VALID.replace("row", "diagonal").partition("\n")[2].encode(), "diagonal"),
    ],
)
def test_a_broken_file_says_why_and_shows_its_text(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "broken.py"
    path.write_bytes(content)
    found = describe_file("broken", path)
    assert reason in found["problem"]
    assert found["title"] == "broken"
    assert found["source"] == content.decode("utf-8", errors="replace")
    assert "kind" not in found


def test_a_file_that_is_gone_is_a_problem_like_another(tmp_path: Path) -> None:
    found = describe_file("gone", tmp_path / "gone.py")
    assert "cannot be read" in found["problem"]
    assert found["source"] == ""


def test_of_an_endless_file_the_beginning_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text(VALID + "# filler\n" * 20_000)
    found = describe_file("long", path)
    assert len(found["source"]) + found["cut"] == len(path.read_text())
    assert found["cut"] > 0
    assert found["kind"] == "score"
