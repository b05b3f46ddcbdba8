"""Files that are whole or absent: written under a temporary name, then renamed into place; and hashes of them."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prunebench.errors import StorageError

# What a storage says, and what a person can do about it.
_REMEDIES = {
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space",
    errno.EROFS: "make its file system writable",
    errno.EACCES: "make its folder writable",
    errno.EPERM: "make its folder writable",
}
_ROOM = 1 << 20  # bytes
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # these can be no mistake of whoever opens a file
_FOREIGN = re.compile(r"\(os error (\d+)\)")  # how safetensors reports the system's errors


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is renamed to `path`, on failure removed.

    Raises:
        StorageError: the disk is full, or nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise unwritable(path, error.errno) from error
    os.close(handle)
    temporary = Path(name)
    try:
        with storing(path):
            yield temporary
        try:
            temporary.chmod(0o644)  # mkstemp makes files private; results are meant to be shared
            sync(temporary)
            temporary.replace(path)
        except OSError as error:
            raise unwritable(path, error.errno) from error
    finally:
        with suppress(OSError):  # on a file system that became read-only; the error above says more
            temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's bytes are on the disk: a name must not outlive a power cut without them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk that the block meets into a `StorageError` about `path`."""
    try:
        yield
    except Exception as error:
        if (trouble := storage_error(error, path)) is not None:
            raise trouble from error
        raise


def has_room(folder: Path) -> bool:
    """Whether the folder's disk is not as good as full."""
    return shutil.disk_usage(folder).free >= _ROOM


def check_writable(project: Path) -> None:
    """Refuse a project that nothing can be written to before any work is done; Snakemake would die of it untold.

    Raises:
        StorageError: names the folder.
    """
    if not has_room(project):
        raise unwritable(project.resolve(), errno.ENOSPC)
    for folder in (project, project / "results"):
        if folder.exists() and not os.access(folder, os.W_OK):
            read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
            raise unwritable(folder.resolve(), errno.EROFS if read_only else errno.EACCES)


def storage_error(error: BaseException, path: Path) -> StorageError | None:
    """The sentence for a full or read-only disk met while `path` was written; None if `error` is anything else."""
    number = None
    if type(error) is OSError:  # a subclass may be somebody's own, and Python has none for these numbers
        number = error.errno
        if error.filename is not None and Path(os.fsdecode(error.filename)).parent != path.parent:
            path = Path(os.fsdecode(error.filename))
    elif type(error).__module__.startswith("safetensors") and (found := _FOREIGN.search(str(error))):
        number = int(found[1])
    return unwritable(path, number) if number in _UNWRITABLE else None


def unwritable(path: Path, number: int | None) -> StorageError:
    """The sentence for a path that the system refuses to write to, with its error number."""
    remedy = _REMEDIES.get(number or 0, "mend that")
    reason = os.strerror(number) if number else "the system does not say why"
    return StorageError(f"{path} cannot be written ({reason}); {remedy} and run again: what is finished is kept")


def encodable(text: object) -> str:
    """`str(text)` with `?` for what UTF-8 has no bytes for (lone surrogates): foreign text that is to be written."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(folder: Path) -> str:
    """A short hex digest of all files below `folder` and their names; bytecode does not count."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return digest_json([[str(path.relative_to(folder)), sha256_file(path)] for path in files])


def digest_json(value: Any) -> str:
    """A short hex digest of a JSON value: what records and Snakemake params compare."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
