"""`prunebench generate` stores methods in a folder named generated, and keeps secrets to itself."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.generate.replies import REPLIES
from tests.generate.server import serving

KEY = "sk-of-the-environment"
SECRETS = (KEY, "s3cret", "someuser", "q%2Babc", "q+abc", "c29tZXVzZXI6czNjcmV0")


@pytest.fixture
def arguments(project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (project / "ideas.yaml").write_text("ideas: [{name: good, idea: Good.}]")
    return ("generate", "--ideas", "ideas.yaml", "--model", "tiny", "--endpoint")


def with_secrets(url: str) -> str:
    return url.replace("http://", "http://someuser:s3cret@") + "?key=q%2Babc"


def test_another_folder_is_refused_before_anybody_is_asked(run: Run, arguments: tuple[str, ...]) -> None:
    with serving(lambda _: REPLIES["good"]) as (url, received):
        result = run(*arguments, url, "--out", "methods/mine")
    assert result.code == 2
    assert "--out methods/mine is not named generated" in result.err
    assert not received
    assert not Path("methods/mine").exists()


def test_no_secret_is_stored_or_printed(run: Run, arguments: tuple[str, ...]) -> None:
    with serving(lambda _: REPLIES["good"]) as (url, _):
        result = run(*arguments, with_secrets(url))
    assert result.code == 0
    record = Path("methods/generated/llm_good_0-reply.json").read_text()
    assert json.loads(record)["endpoint"] == url
    for secret in SECRETS:
        assert secret not in result.out + result.err + record


def echo(text: str) -> bytes:
    return json.dumps({"error": {"message": f"refused: {text}"}}).encode()


@pytest.mark.parametrize(
    ("reply", "status", "path", "says"),
    [
        (echo(" ".join(SECRETS)), 401, "/v1", "did not answer: Error code: 401"),
        (echo(" ".join(SECRETS)), 200, "/v1", "is no chat completion"),
        (b"<html>" + KEY.encode(), 200, "/v1", "is no chat completion"),
        (b"", 200, "/other", "nothing at /other/chat/completions?***"),
    ],
)
def test_no_secret_is_in_an_error(
    run: Run, arguments: tuple[str, ...], reply: bytes, status: int, path: str, says: str
) -> None:
    with serving(lambda _: reply, status) as (url, _):
        shown = url.replace("/v1", path)
        result = run(*arguments, with_secrets(shown))
    assert result.code == 2
    assert says in result.err
    assert f"tiny at {shown} " in result.err
    for secret in SECRETS:
        assert secret not in result.out + result.err


@pytest.mark.parametrize(
    "endpoint",
    ["http://someuser:s3cret@127.0.0.1:9/v1?key=q%2Babc", "http://someuser:s3cret@[::1/v1", "//someuser:s3cret@h/v1"],
)
def test_no_secret_is_in_an_error_without_a_server(run: Run, arguments: tuple[str, ...], endpoint: str) -> None:
    result = run(*arguments, endpoint)
    assert result.code == 2
    assert result.err.startswith("prunebench: ")
    assert result.err.count("\n") == 1
    for secret in SECRETS:
        assert secret not in result.out + result.err
