"""Items of zero-shot tasks as JSON lines, with the columns lm-eval's own task definitions read.

The manifest's `parts` maps each lm-eval task name to its file of items (and of few-shot examples): one part
for most tasks, one per subject for MMLU.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from prunebench.assets import hub
from prunebench.assets.download import DOWNLOADS
from prunebench.assets.manifest import begin, finish
from prunebench.assets.source import locate
from prunebench.config.registry import HubDatasetSource, TaskSpec
from prunebench.errors import PrunebenchError
from prunebench.files import write_text

Item = dict[str, Any]


def materialise_task(name: str, spec: TaskSpec, folder: Path, downloads: Path = DOWNLOADS) -> dict[str, Any]:
    """Fetch a task's items and write them and the manifest into `folder`; returns the manifest.

    Raises:
        PrunebenchError: they cannot be fetched, are not in the format, or there are none.
    """
    begin(folder)
    parts: dict[str, dict[str, Any]] = {}
    for part, items in _by_part(name, spec, _items(name, spec, spec.split, downloads)).items():
        file = _write(folder, "items", part, items)
        parts[spec.lm_eval_task.format(part=part)] = {"items": file, "count": len(items), "fewshot": None}
    if not parts:
        raise PrunebenchError(f"task {name!r} holds no items; check its source and split in the registry")
    if spec.fewshot_split:
        examples = _by_part(name, spec, _items(name, spec, spec.fewshot_split, downloads))
        for part, items in examples.items():
            parts[spec.lm_eval_task.format(part=part)]["fewshot"] = _write(folder, "fewshot", part, items)
    files = [file for part in parts.values() for file in (part["items"], part["fewshot"]) if file]
    return finish(
        folder, name, spec, files, parts=parts, split=spec.split, fewshot_split=spec.fewshot_split, notes=spec.notes
    )


def _write(folder: Path, stem: str, part: str, items: Iterable[Item]) -> str:
    file = f"{stem}-{part}.jsonl" if part else f"{stem}.jsonl"
    write_text(folder / file, "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))
    return file


def _by_part(name: str, spec: TaskSpec, items: Iterable[Item]) -> dict[str, list[Item]]:
    """Cut the items by the part column; a task without parts is one part with an empty name."""
    parts: dict[str, list[Item]] = {}
    for item in items:
        for column in filter(None, [spec.part_column, *spec.rename.values()]):
            if column not in item:
                raise PrunebenchError(
                    f"task {name!r}: the items have no column {column!r}, only {', '.join(item)}; correct the registry"
                )
        part = item[spec.part_column] if spec.part_column else ""
        parts.setdefault(part, []).append(_renamed(item, spec.rename))
    return parts


def _renamed(item: Item, rename: dict[str, str]) -> Item:
    old = {source: column for column, source in rename.items()}
    return {old.get(column, column): int(value) if isinstance(value, bool) else value for column, value in item.items()}


def _items(name: str, spec: TaskSpec, split: str, downloads: Path) -> Iterator[Item]:
    if isinstance(spec.source, HubDatasetSource):
        yield from hub.rows(name, spec.source, split)
        return
    place = locate(name, spec.source, downloads)
    if spec.format == "olmes-requests":
        yield from _from_requests(place, spec.question_column)
    elif spec.format == "arrow":
        yield from _from_arrow(name, place / split)
    else:
        for folder in sorted(place.iterdir(), key=lambda folder: folder.name):
            yield from _from_arrow(name, folder / split)


def _from_arrow(name: str, folder: Traversable) -> Iterator[Item]:
    """Rows of a dataset saved with `save_to_disk`; class labels stay the integers they are stored as."""
    import pyarrow

    shards = sorted(
        (file for file in (folder.iterdir() if folder.is_dir() else ()) if file.name.endswith(".arrow")),
        key=lambda file: file.name,
    )
    if not shards:
        raise PrunebenchError(f"task {name!r}: there is no Arrow file in {folder}; correct `member` or `split`")
    for shard in shards:
        with pyarrow.ipc.open_stream(shard.read_bytes()) as stream:
            yield from stream.read_all().to_pylist()


def _from_requests(place: Traversable, question_column: str) -> Iterator[Item]:
    """Items out of the requests an OLMES run would send: one request per choice, so an id comes several times.

    The document keeps the question inside its prompt, the choices as texts and the right one as an index;
    the labels A, B, C ... are given anew, which the harness only uses to find the right choice.
    """
    seen: set[str] = set()
    for line in gzip.decompress(place.read_bytes()).splitlines():  # of bytes: at \n only, not at U+2028
        request = json.loads(line)
        document = request["doc"]
        if request["native_id"] in seen:
            continue
        seen.add(request["native_id"])
        labels = [chr(ord("A") + position) for position in range(len(document["choices"]))]
        yield {
            "id": request["native_id"],
            question_column: document["query"].removeprefix("Question: ").removesuffix("\nAnswer:"),
            "choices": {"text": document["choices"], "label": labels},
            "answerKey": labels[document["gold"]],
        }
