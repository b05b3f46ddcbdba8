"""What a model wrote is stored whole and unchanged, and a file that is not what it wrote is refused."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prunebench.errors import PrunebenchError
from prunebench.generate.ask import Answer, generate
from prunebench.generate.prompt import Idea, make_prompt
from prunebench.generate.server import Request
from tests.generate.replies import REPLIES
from tests.generate.server import completion, serving

IDEA = Idea(name="good", idea="The idea is good.")


@pytest.fixture
def url() -> Iterator[str]:
    with serving(lambda _: REPLIES["good"]) as (url, _):
        yield url


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    """Where the model's one method is."""
    assert [answer.asked for answer in ask(url, tmp_path / "generated")] == [True]
    return tmp_path / "generated"


def ask(url: str, folder: Path, model: str = "tiny", attempts: int = 1) -> list[Answer]:
    return list(generate([IDEA], Request(url, model), attempts, folder))


def read(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "llm_good_0-reply.json").read_bytes())
    return record


def test_what_is_stored_says_where_it_comes_from(folder: Path) -> None:
    record = read(folder)
    assert record["text"] == REPLIES["good"]
    assert record["raw"] == completion(REPLIES["good"])
    assert (folder / "llm_good_0.py").read_bytes() == record["code"].encode()
    assert record["code"] in record["text"]
    assert (record["model"], record["served_model"], record["tokens"]) == ("tiny", "canned", 7)
    assert record["template"] == "method-1"
    assert record["prompt"] == make_prompt(IDEA)
    assert record["prompt_sha256"] == hashlib.sha256(record["prompt"].encode()).hexdigest()
    assert record["idea"] == IDEA.model_dump()
    assert {"temperature", "max_tokens", "seed", "date", "endpoint", "finish_reason", "found"} <= record.keys()


def test_all_of_a_reply_is_kept_and_can_be_read_by_anybody(tmp_path: Path) -> None:
    body = completion("```\nMETHOD = 1\n# \ud800\n```", reasoning={"\udfff": ["why"]})
    with serving(lambda _: json.dumps(body).encode()) as (url, _):
        ask(url, tmp_path)
    record = read(tmp_path)
    assert record["code"] == "METHOD = 1\n# ?\n"
    assert record["raw"]["reasoning"] == {"?": ["why"]}
    json.dumps(record, ensure_ascii=False).encode()
    assert [answer.asked for answer in ask("http://127.0.0.1:9/v1", tmp_path)] == [False]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends_stay_as_they_came(end: str, tmp_path: Path) -> None:
    code = REPLIES["bare"].replace("\n", end) + end
    with serving(lambda _: f"```python\n{code}\n```") as (url, received):
        assert [answer.asked for answer in ask(url, tmp_path) + ask(url, tmp_path)] == [True, False]
        (tmp_path / "llm_good_0.py").unlink()
        ask(url, tmp_path)
        assert len(received) == 1
    assert (tmp_path / "llm_good_0.py").read_bytes() == code.encode() + b"\n"


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    with serving(lambda _: REPLIES["good"]) as (url, received):
        answers = ask(url, tmp_path) + ask(url, tmp_path, attempts=2)
        assert [answer.asked for answer in answers] == [True, False, True]
        assert [body["seed"] for body in received] == [0, 1]
        with pytest.raises(PrunebenchError, match="of another model, prompt or setting"):
            ask(url, tmp_path, model="other")


def test_an_edited_file_is_refused_and_left_as_it_is(folder: Path, url: str) -> None:
    code = folder / "llm_good_0.py"
    edited = code.read_bytes().replace(b"\n", b"\r\n")
    code.write_bytes(edited)
    with pytest.raises(PrunebenchError, match=r"it was edited; move it out of .*generated under another name"):
        ask(url, folder)
    assert code.read_bytes() == edited
    code.rename(folder.parent / "mine.py")
    assert [answer.asked for answer in ask(url, folder)] == [False]
    assert code.read_bytes() == read(folder)["code"].encode()


def test_a_file_without_a_record_is_not_overwritten(tmp_path: Path, url: str) -> None:
    (tmp_path / "llm_good_0.py").write_text("mine")
    with pytest.raises(PrunebenchError, match=r"without its record llm_good_0-reply\.json; move it out"):
        ask(url, tmp_path)
    assert (tmp_path / "llm_good_0.py").read_text() == "mine"


@pytest.mark.parametrize("broken", ["code", "finish_reason", "half", "list", "number", "surrogate"])
def test_a_record_that_is_not_whole_is_one_sentence(broken: str, folder: Path, url: str) -> None:
    path = folder / "llm_good_0-reply.json"
    record = read(folder)
    contents = {
        "code": record | {"code": None},
        "finish_reason": {key: value for key, value in record.items() if key != "finish_reason"},
        "list": [],
        "number": record | {"code": 1},
        "surrogate": record | {"code": "\ud800"},
    }
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2] if broken == "half" else json.dumps(contents[broken]))
    with pytest.raises(PrunebenchError, match=r"reply\.json cannot be read: .*; remove it and llm_good_0\.py to ask"):
        ask(url, folder)
    path.unlink()
    (folder / "llm_good_0.py").unlink()
    assert [answer.asked for answer in ask(url, folder)] == [True]
