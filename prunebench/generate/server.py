"""A server that speaks OpenAI's protocol: one question, one reply, and nothing secret in what a person reads."""

import base64
import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from openai import OpenAI, OpenAIError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from prunebench.errors import PrunebenchError
from prunebench.files import encodable
from prunebench.judgement import one_line

LONGEST_REPLY = 1_000_000  # characters, everything around the text included


@dataclass(frozen=True)
class Request:
    """Whom to ask, and how.

    Attributes:
        endpoint: base URL of the server, usually ending in /v1. It may hold credentials.
        model: its name on that server.
        temperature: of the sampling.
        max_tokens: a reply is cut here.
    """

    endpoint: str = field(repr=False)
    model: str
    temperature: float = 0.7
    max_tokens: int = 4096


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Message(_Part):
    content: str | None = None


class _Choice(_Part):
    message: _Message
    finish_reason: str | None = None


class _Usage(_Part):
    completion_tokens: int | None = None


class _Completion(_Part):
    choices: list[_Choice] = Field(min_length=1)
    model: str | None = None
    usage: _Usage | None = None


@dataclass(frozen=True)
class Reply:
    """What came back: the text of the first choice, perhaps empty, what is known of it, and `raw`, all of it."""

    text: str
    finish_reason: str | None
    served_model: str | None
    tokens: int | None
    raw: Any


class Server:
    """The server of a request. The key is read from OPENAI_API_KEY.

    Attributes:
        shown: its address without user, password, query and fragment: what records and errors say.

    Raises:
        PrunebenchError: the endpoint is no address of a server.
    """

    def __init__(self, request: Request) -> None:
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not (key.isascii() and key.isprintable()):
            raise PrunebenchError("OPENAI_API_KEY holds characters that no key has; correct it or unset it")
        where = _split(request.endpoint)
        user, _, host = where.netloc.rpartition("@")
        query = dict(parse_qsl(where.query, keep_blank_values=True))
        self.shown = f"{where.scheme}://{host}{where.path}"
        self._secrets = _spellings(key, user, where.query, where.fragment, *query.values())
        self._request = request
        # The client would append its path to a query in the base URL.
        base = where._replace(query="", fragment="").geturl()
        try:
            self._client = OpenAI(base_url=base, api_key=key or "none", default_query=query)
        except Exception as error:  # what it finds wrong with an address or a proxy has no public class in common
            raise PrunebenchError(f"{self.shown} cannot be asked: {self._foreign(str(error))}") from error

    def ask(self, prompt: str, seed: int) -> Reply:
        """One reply to one prompt.

        Raises:
            PrunebenchError: the server cannot be reached, refuses, or sends something else than a chat completion.
        """
        request, name = self._request, f"{self._request.model} at {self.shown}"
        try:
            # Not the client's own reading of the body: it lets through whatever a server sends.
            body = self._client.chat.completions.with_raw_response.create(
                model=request.model, messages=[{"role": "user", "content": prompt}], temperature=request.temperature,
                max_tokens=request.max_tokens, seed=seed,
            ).text  # fmt: skip
        except OpenAIError as error:
            raise PrunebenchError(f"{name} did not answer: {self._foreign(str(error))}") from error
        if len(body) > LONGEST_REPLY:
            raise PrunebenchError(
                f"{name} sent {len(body)} characters, more than the {LONGEST_REPLY} of a reply that is kept; "
                "check the server, or lower --max-tokens"
            )
        try:
            return _take_apart(body)
        except (ValueError, RecursionError) as error:
            raise PrunebenchError(
                f"{name} sent something that is no chat completion: {self._foreign(_reason(error))}; it begins "
                f"{self._foreign(body)[:60]!r}; check --endpoint, which usually ends in /v1"
            ) from error

    def _foreign(self, text: str) -> str:
        """Another program's words in one line, without this server's secrets and without control characters."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return "".join(character if character.isprintable() else "?" for character in one_line(text))


def _split(endpoint: str) -> SplitResult:
    try:
        where = urlsplit(endpoint)
        sound = where.scheme in ("http", "https") and where.hostname and where.port != 0
    except ValueError:
        sound = False
    if not sound:
        # Not quoted: without its parts it is not known what in it is secret.
        raise PrunebenchError("--endpoint is no address of a server; it looks like http://127.0.0.1:8000/v1")
    return where


def _spellings(key: str, user: str, *others: str) -> list[str]:
    """Every form in which a key, `user:password` or another secret may turn up in a message, the longest first."""
    name, _, password = unquote(user).partition(":")
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    plain = {key, user, name, password, *([basic] if user else []), *others}
    return sorted({form for text in plain for form in (text, quote(text), unquote(text))} - {""}, key=len, reverse=True)


def _take_apart(body: str) -> Reply:
    # Two readers: the first knows lone surrogates, which no file can hold; the second refuses deep nesting, which
    # could not be written again.
    raw = from_json(encodable(json.dumps(json.loads(body), ensure_ascii=False)))
    completion = _Completion.model_validate(raw)
    choice = completion.choices[0]
    tokens = completion.usage.completion_tokens if completion.usage else None
    return Reply(choice.message.content or "", choice.finish_reason, completion.model, tokens, raw)


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "the whole"
    return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}"
