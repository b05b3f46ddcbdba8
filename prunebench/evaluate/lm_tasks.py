"""lm-eval's own task definitions on items that lie in a local folder."""

import json
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import lm_eval.tasks
import yaml
from datasets import Dataset
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from prunebench.errors import PrunebenchError, unknown_name

_ITEMS = "items"
_FEWSHOT = "fewshot"


def load_task(name: str, items: Path, fewshot: Path | None, limit: int | None, num_fewshot: int, scratch: Path) -> Task:
    """lm-eval's task `name` on a file of items, or on `limit` of them, see `_read`.

    Prompts, choices and metrics are those of the harness's own definition, which the YAML file written here
    includes; only where documents come from is replaced. Nothing is looked up outside these files.

    Args:
        items: JSON lines with the columns lm-eval's definition reads.
        fewshot: the same for few-shot examples.
        scratch: a folder for the YAML file, needed only during the call.

    Raises:
        PrunebenchError: lm-eval has no such task or cannot read the items, or examples are asked for and there
            are none.
    """
    if num_fewshot and fewshot is None:
        raise PrunebenchError(
            f"task {name!r} has no few-shot examples of its own and its items are not to be examples for each other; "
            "use num_fewshot 0 or give the task a `fewshot_split` in the data registry"
        )
    changes: dict[str, Any] = {
        "include": str(find_definition(name)),
        "task": name,
        "num_fewshot": num_fewshot,
        "dataset_kwargs": {"items": str(items), "fewshot": str(fewshot) if num_fewshot else None, "limit": limit},
        "training_split": None,
        "validation_split": None,
        "test_split": _ITEMS,
        "fewshot_split": _FEWSHOT if num_fewshot else None,
    }
    if not num_fewshot:
        changes["fewshot_config"] = None  # it may name a split that is not here
    text = yaml.safe_dump(changes) + f"custom_dataset: !function {__name__}.{local_documents.__name__}\n"
    (scratch / "task.yaml").write_text(text, encoding="utf-8")
    try:
        return TaskManager(include_path=str(scratch), include_defaults=False).load([name])["tasks"][name]
    except Exception as error:  # whatever filling the harness's templates with the first item runs into
        raise PrunebenchError(
            f"lm-eval cannot read the items of task {name!r} in {items}: {error}; do the columns have the names its "
            "definition uses?"
        ) from error


def local_documents(items: str, fewshot: str | None, limit: int | None, **_metadata: Any) -> dict[str, Any]:
    """What lm-eval calls instead of downloading a dataset: split -> documents."""
    documents = {_ITEMS: _read(Path(items), limit)}
    if fewshot is not None:
        documents[_FEWSHOT] = _read(Path(fewshot), None)
    return documents


def _read(path: Path, limit: int | None) -> Dataset:
    """All items of a file, or so many spread evenly over it: files are sorted by topic and source, here and there."""
    with path.open(encoding="utf-8") as file:
        lines = list(file)
    if limit is not None and limit < len(lines):
        lines = [lines[index * len(lines) // limit] for index in range(limit)]
    return Dataset.from_list([json.loads(line) for line in lines])


def find_definition(name: str) -> Path:
    """The YAML file of lm-eval that defines a task.

    Raises:
        PrunebenchError: no file defines it.
    """
    # Listing lm-eval's 14,000 files is quick and reading them is not: those named like the task come first.
    own_file, own_folder = f"{os.sep}{name}.yaml", f"{os.sep}{name}{os.sep}"
    files = sorted(_definition_files(), key=lambda file: not (file.endswith(own_file) or own_folder in file))
    known = set()
    for defined, file in _defined(files):
        if defined == name:
            return Path(file)
        known.add(defined)
    raise unknown_name("lm-eval task", name, known)


@cache
def _definition_files() -> list[str]:
    folders = os.walk(os.path.dirname(lm_eval.tasks.__file__))
    return sorted(
        os.path.join(folder, file) for folder, _, files in folders for file in files if file.endswith(".yaml")
    )


def _defined(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip("\"'") == "task" and value.strip():
                yield value.strip().strip("\"'"), file
                break
