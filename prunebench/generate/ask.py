"""Asks a server for one file per idea and attempt, and stores what came back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prunebench.errors import PrunebenchError
from prunebench.generate.prompt import Idea, extract_code, make_prompt
from prunebench.generate.record import keep, read_kept, settings_of
from prunebench.generate.server import Request, Server
from prunebench.plugins.header import read_header


@dataclass(frozen=True)
class Answer:
    """One method file: its name, whether it was asked for now, and why it is no valid method ("" if it is)."""

    name: str
    asked: bool
    problem: str


def generate(ideas: list[Idea], request: Request, attempts: int, folder: Path) -> Iterator[Answer]:
    """Ask once per idea and attempt; write `llm_<idea>_<k>.py` and `llm_<idea>_<k>-reply.json` into `folder`.

    The code is stored as it came, empty where there was none. What is there already from the same model, prompt
    and settings is not asked for again. No key and no credentials are stored.

    Raises:
        PrunebenchError: the server cannot be reached, refuses or sends no chat completion, or a file is there that
            was edited or is from other settings.
    """
    server = Server(request)
    for idea in ideas:
        prompt = make_prompt(idea)
        for attempt in range(attempts):
            name = f"llm_{idea.slug}_{attempt}"
            code, record = folder / f"{name}.py", folder / f"{name}-reply.json"
            settings = settings_of(request, server.shown, prompt, attempt)
            kept = read_kept(record, code, settings)
            finish_reason = kept.finish_reason if kept else None
            if kept is None:
                reply = server.ask(prompt, attempt)
                keep(record, code, settings, idea, prompt, extract_code(reply.text), reply)
                finish_reason = reply.finish_reason
            yield Answer(name, kept is None, _problem(code, finish_reason == "length"))


def _problem(code: Path, cut: bool) -> str:
    try:
        read_header(code)
    except PrunebenchError as error:
        return f"{error}{' (the reply was cut at --max-tokens)' if cut else ''}"
    return ""
