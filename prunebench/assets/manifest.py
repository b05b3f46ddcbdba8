"""`asset.json`: what an asset is, where it came from and the SHA-256 of each of its files.

It is written last, so a folder without one is not finished, whatever else lies in it.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prunebench.config.registry import ModelSpec, TaskSpec, TextSpec
from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.files import sha256_file, sync
from prunebench.sealed import read_sealed, write_sealed_json

MANIFEST = "asset.json"
_WEIGHTS = (".safetensors", ".bin")


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
    for file in manifest["files"]:
        sync(folder / file)  # before the manifest says that they are there
    write_sealed_json(folder / MANIFEST, manifest)
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a finished asset.

    Raises:
        DamagedFile: it is cut off or was edited.
        PrunebenchError: there is none, so the asset was not finished.
    """
    try:
        content: dict[str, Any] = json.loads(read_sealed(folder / MANIFEST))
    except FileNotFoundError:
        raise PrunebenchError(
            f"{folder} holds no finished asset ({MANIFEST} is missing); run the workflow again, it fetches what is "
            "missing"
        ) from None
    return content


def check_asset(folder: Path, weights: bool = True) -> dict[str, Any]:
    """The manifest of an asset whose files are what it says; hashing them takes a second or two per gigabyte.

    Args:
        weights: whether a model's are to be read, too.

    Raises:
        DamagedFile: a file is missing, cut off or changed; names it.
        PrunebenchError: as `read_manifest`.
    """
    manifest = read_manifest(folder)
    for file, wrong in damaged_files(folder, manifest, weights):
        raise DamagedFile(f"{folder / file} {wrong}; run prunebench verify --fix, and snakemake to make it again")
    return manifest


def damaged_files(folder: Path, manifest: dict[str, Any], weights: bool = True) -> Iterator[tuple[str, str]]:
    """Each file of the asset that is not what the manifest says, and what is wrong with it."""
    for file, sha256 in manifest["files"].items():
        path = folder / file
        if not weights and path.suffix in _WEIGHTS:
            continue
        if not path.exists():
            where = f" to {path.readlink()}, which is not there" if path.is_symlink() else ""
            yield file, f"is a link{where}" if where else "is missing"
        elif sha256_file(path) != sha256:
            yield file, "has another sha256 than when it was made"
