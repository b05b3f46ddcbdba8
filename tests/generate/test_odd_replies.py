"""Whatever a server sends instead of a chat completion is one sentence, and nothing of it is stored."""

import json
from pathlib import Path
from typing import Any

import pytest

from prunebench.errors import PrunebenchError
from prunebench.generate.ask import generate
from prunebench.generate.prompt import Idea
from prunebench.generate.server import LONGEST_REPLY, Request
from tests.generate.server import completion, serving

IDEAS = [Idea(name="odd", idea="Odd.")]


def encoded(*content: Any, **others: Any) -> bytes:
    return json.dumps(completion(*content, **others)).encode()


ODD = {
    "a page": (b"<html><body>Welcome</body></html>", r"it begins '<html><body>Welcome"),
    "nothing": (b"", r"it begins ''"),
    "cut JSON": (encoded("text")[:-5], r"line 1 column"),
    "other bytes": (b'{"a": "\xff"', r"line 1 column"),
    "deep JSON": (900 * b"[" + 900 * b"]", r"recursion"),
    "very deep JSON": (100_000 * b"[", r"recursion"),
    "a long number": (encoded("text")[:-1] + b', "n": ' + 5000 * b"9" + b"}", r"digits"),
    "a list": (b"[1, 2]", r"the whole: input should be"),
    "null": (b"null", r"the whole: input should be"),
    "an error": (b'{"error": "overloaded"}', r"choices: field required; it begins '\{\"error\": \"overloaded\"\}'"),
    "no choices": (encoded("text", choices=[]), r"choices: list should have at least 1 item"),
    "choices no list": (encoded("text", choices={"a": 1}), r"choices: input should be a valid list"),
    "a choice no object": (encoded("text", choices=["a"]), r"choices\.0: input should be"),
    "no message": (encoded("text", choices=[{"index": 0}]), r"choices\.0\.message: field required"),
    "a list of parts": (
        encoded([{"type": "text", "text": "METHOD = {}"}]),
        r"choices\.0\.message\.content: input should be a valid string",
    ),
    "usage a string": (encoded("text", usage="many"), r"usage: input should be"),
    "tokens a string": (encoded("text", usage={"completion_tokens": "7"}), r"usage\.completion_tokens"),
    "model a list": (encoded("text", model=[3]), r"model: input should be a valid string"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_chat_completion_is_one_sentence(kind: str, tmp_path: Path) -> None:
    body, reason = ODD[kind]
    with (
        serving(lambda _: body) as (url, _),
        pytest.raises(PrunebenchError, match=reason) as caught,
    ):
        list(generate(IDEAS, Request(url, "tiny"), 1, tmp_path / "generated"))
    message = str(caught.value)
    assert message.startswith(f"tiny at {url} sent something that is no chat completion: ")
    assert message.endswith("; check --endpoint, which usually ends in /v1")
    assert message.isprintable()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["text", "elsewhere"])
def test_a_reply_without_end_is_not_stored(where: str, tmp_path: Path) -> None:
    long = LONGEST_REPLY * "x"
    body = encoded(long) if where == "text" else encoded("text", thoughts=long)
    with serving(lambda _: body) as (url, _), pytest.raises(PrunebenchError, match="lower --max-tokens"):
        list(generate(IDEAS, Request(url, "tiny"), 1, tmp_path / "generated"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", None])
def test_a_model_may_say_nothing(content: str | None, tmp_path: Path) -> None:
    with serving(lambda _: encoded(content)) as (url, _):
        (answer,) = generate(IDEAS, Request(url, "tiny"), 1, tmp_path / "generated")
    assert "holds no code" in answer.problem
    assert (tmp_path / "generated/llm_odd_0.py").read_bytes() == b""


@pytest.mark.parametrize(
    "endpoint", ["", "127.0.0.1:8000/v1", "ftp://host/v1", "http://", "http://[::1/v1", "http://host:99999/v1"]
)
def test_what_is_no_address_is_refused(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match="--endpoint is no address of a server"):
        list(generate(IDEAS, Request(endpoint, "tiny"), 1, tmp_path / "generated"))
