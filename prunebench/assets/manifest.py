"""`asset.json`: what an asset is, where it came from and the SHA-256 of each of its files.

It is written last, so a folder without one is not finished, whatever else lies in it.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prunebench.config.registry import ModelSpec, TaskSpec, TextSpec
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file, write_json

MANIFEST = "asset.json"


def begin(folder: Path) -> None:
    """Make the folder and take away an old manifest: from here on the asset is unfinished."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)


def finish(
    folder: Path, name: str, spec: ModelSpec | TextSpec | TaskSpec, files: Iterable[str], **facts: Any
) -> dict[str, Any]:
    """Hash the named files of `folder` and write the manifest, with `facts` beside the common keys; returns it."""
    manifest = {
        "name": name,
        "title": spec.title,
        "source": spec.source.model_dump(mode="json"),
        "spec_digest": spec.digest,
        "files": {file: sha256_file(folder / file) for file in sorted(files)},
        **facts,
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a finished asset.

    Raises:
        PrunebenchError: there is none, so the asset was not finished.
    """
    try:
        content: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PrunebenchError(
            f"{folder} holds no finished asset ({MANIFEST} is missing); run the workflow again, it fetches what is "
            "missing"
        ) from None
    return content
