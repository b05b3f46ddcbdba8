"""Asks an OpenAI-compatible server for one file per idea and attempt, and stores what came back."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openai import OpenAI, OpenAIError

from prunebench.errors import PrunebenchError
from prunebench.files import encodable, write_text
from prunebench.generate.prompt import TEMPLATE, Idea, extract_code, make_prompt
from prunebench.plugins.header import read_header


@dataclass(frozen=True)
class Request:
    """Whom to ask, and how.

    Attributes:
        endpoint: base URL of the server, usually ending in /v1.
        model: its name on that server.
        temperature: of the sampling.
        max_tokens: a reply is cut here.
    """

    endpoint: str
    model: str
    temperature: float = 0.7
    max_tokens: int = 4096


@dataclass(frozen=True)
class Answer:
    """One method file: its name, whether it was asked for now, and why it is no valid method ("" if it is)."""

    name: str
    asked: bool
    problem: str


def generate(ideas: list[Idea], request: Request, attempts: int, folder: Path) -> Iterator[Answer]:
    """Ask once per idea and attempt; write `llm_<idea>_<k>.py` and `llm_<idea>_<k>-reply.json` into `folder`.

    The code is stored as it came, empty where there was none. What is there already from the same model, prompt
    and settings is not asked for again. The key is read from OPENAI_API_KEY and not stored.

    Raises:
        PrunebenchError: the server cannot be reached or refuses, or a file is there from other settings.
    """
    client = OpenAI(base_url=request.endpoint, api_key=os.environ.get("OPENAI_API_KEY") or "none")
    for idea in ideas:
        prompt = make_prompt(idea)
        for attempt in range(attempts):
            name = f"llm_{idea.slug}_{attempt}"
            code, record = folder / f"{name}.py", folder / f"{name}-reply.json"
            asked_with = _settings(request, prompt, attempt)
            reply = _stored(record, code, asked_with)
            new = reply is None
            if reply is None:
                reply = _ask(client, request, prompt, attempt)
                extracted = extract_code(reply["text"])
                write_text(code, extracted.code)
                # Last, so that an interrupted attempt is made again.
                found = {"idea": idea.model_dump(), "found": extracted.found, "code": extracted.code}
                date = {"date": datetime.now(UTC).isoformat(timespec="seconds")}
                write_text(record, json.dumps(asked_with | date | found | reply, indent=1) + "\n")
            yield Answer(name, new, _problem(code, reply["finish_reason"] == "length"))


def _settings(request: Request, prompt: str, seed: int) -> dict[str, Any]:
    where = urlsplit(request.endpoint)
    return {
        **asdict(request),
        "endpoint": f"{where.scheme}://{where.hostname}{f':{where.port}' if where.port else ''}{where.path}",
        "seed": seed,
        "template": TEMPLATE.stem,
        "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
    }


def _stored(record: Path, code: Path, asked_with: dict[str, Any]) -> dict[str, Any] | None:
    """The record of an attempt that was made before, with its code put back if that is gone."""
    if not record.is_file():
        return None
    try:
        stored: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        same = all(stored.get(key) == value for key, value in asked_with.items() if key != "endpoint")
    except (ValueError, AttributeError) as error:
        raise PrunebenchError(f"{record} cannot be read: {error}; remove it to ask again") from error
    if not same:
        raise PrunebenchError(f"{record} is of another model, prompt or setting; give another --out, or remove it")
    if not code.is_file():
        write_text(code, stored["code"])
    return stored


def _ask(client: OpenAI, request: Request, prompt: str, seed: int) -> dict[str, Any]:
    try:
        completion = client.chat.completions.create(
            model=request.model, messages=[{"role": "user", "content": prompt}], temperature=request.temperature,
            max_tokens=request.max_tokens, seed=seed,
        )  # fmt: skip
    except OpenAIError as error:
        message = " ".join(str(error).split())
        raise PrunebenchError(f"{request.model} at {request.endpoint} did not answer: {message}") from error
    if not completion.choices:
        raise PrunebenchError(f"{request.model} at {request.endpoint} sent a reply without choices")
    choice = completion.choices[0]
    return {
        "text": encodable(choice.message.content or ""),
        "finish_reason": choice.finish_reason,
        "served_model": completion.model,
        "tokens": completion.usage.completion_tokens if completion.usage else None,
    }


def _problem(code: Path, cut: bool) -> str:
    try:
        read_header(code)
    except PrunebenchError as error:
        return f"{error}{' (the reply was cut at --max-tokens)' if cut else ''}"
    return ""
