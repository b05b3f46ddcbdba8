"""Texts as documents: whatever the source's format, one JSON line `{"text": ...}` per document, in its order."""

import json
import re
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from prunebench.assets import hub
from prunebench.assets.download import DOWNLOADS
from prunebench.assets.manifest import begin, finish
from prunebench.assets.source import locate
from prunebench.config.registry import HubDatasetSource, TextSpec
from prunebench.errors import PrunebenchError
from prunebench.files import replacing

DOCUMENTS = "documents.jsonl"

_WIKI_DOC = re.compile(r"<doc [^\n]*>\n(.*?)\n?</doc>", re.DOTALL)


def materialise_text(name: str, spec: TextSpec, folder: Path, downloads: Path = DOWNLOADS) -> dict[str, Any]:
    """Fetch a text and write `documents.jsonl` and the manifest into `folder`; returns the manifest.

    Raises:
        PrunebenchError: it cannot be fetched, is not in the format, or holds no document.
    """
    begin(folder)
    count = characters = 0
    with replacing(folder / DOCUMENTS) as temporary, temporary.open("w", encoding="utf-8") as file:
        for document in _documents(name, spec, downloads):
            file.write(json.dumps({"text": document}, ensure_ascii=False) + "\n")
            count += 1
            characters += len(document)
        if not characters:
            raise PrunebenchError(f"text {name!r} holds no documents; check its format and selection in the registry")
    return finish(folder, name, spec, [DOCUMENTS], domain=spec.domain, documents=count, characters=characters)


def _documents(name: str, spec: TextSpec, downloads: Path) -> Iterator[str]:
    if isinstance(spec.source, HubDatasetSource):
        yield from _column(name, spec.source)
        return
    place = locate(name, spec.source, downloads)
    if place.is_file() == (spec.format == "files"):
        found = "a file" if place.is_file() else "a folder"
        raise PrunebenchError(f"text {name!r}: format {spec.format} does not fit {found}; correct `format` or `member`")
    if spec.format == "files":
        yield from _files(place, spec)
    elif spec.format == "lines":
        yield from (line for line in _read(place).split("\n") if line.strip())
    elif spec.format == "wiki-docs":
        yield from _wiki_docs(name, _read(place))
    else:
        yield from wikitext_rows(_read(place))


def wikitext_rows(text: str) -> Iterable[str]:
    """A raw WikiText file as the rows of the hub's `wikitext-2-raw-v1`, which the papers join with blank lines.

    Each line is a row: with its newline where it holds text, the empty string where it is blank.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()  # what follows the last newline is no line
    return (line + "\n" if line.strip() else "" for line in lines)


def _read(file: Traversable) -> str:
    # Decoded from bytes: text mode would turn \r\n into \n, and these are other people's exact texts.
    return file.read_bytes().decode("utf-8")


def _files(place: Traversable, spec: TextSpec) -> Iterator[str]:
    for file in sorted(place.iterdir(), key=lambda file: file.name):
        below_end = spec.names_before is None or file.name < spec.names_before
        if file.is_file() and spec.names_from <= file.name and below_end:
            yield _read(file)


def _wiki_docs(name: str, text: str) -> Iterator[str]:
    documents = _WIKI_DOC.findall(text)
    if len(documents) != text.count("<doc "):
        raise PrunebenchError(
            f"text {name!r}: {text.count('<doc ')} documents begin with <doc ...> but {len(documents)} are closed by "
            "</doc>; the file is not in the wiki-docs format or is cut off"
        )
    return (document.strip("\n") for document in documents)


def _column(name: str, source: HubDatasetSource) -> Iterator[str]:
    for row in hub.rows(name, source, source.split):
        if source.column not in row:
            raise PrunebenchError(
                f"text {name!r}: {source.repo} has no column {source.column!r}, only {', '.join(row)}; correct `column`"
            )
        yield row[source.column]
