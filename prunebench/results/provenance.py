"""Where a number comes from: versions, commit, lock file and hardware. Nothing that names a person, host or path."""

import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import prunebench
from prunebench.files import sha256_file
from prunebench.git import git, uncommitted

# The names on the package index, and the keys they get in the record.
_PACKAGES = ("torch", "transformers", "lm-eval", "snakemake")
_CHECKOUT = Path(prunebench.__file__).parent.parent
_LOCK_FILE = "requirements.lock"


def provenance(
    threads: int | None = None,
    device: str = "cpu",
    gpu: str | None = None,
    dtype: str | None = None,
    code: Path | None = None,
) -> dict[str, Any]:
    """What produced a record, as JSON: equal for two records exactly when they were made in the same environment.

    Args:
        threads: CPU threads the work was given.
        device: kind of device the model ran on, `cpu` or `cuda`.
        gpu: the GPU's product name, where there is one.
        dtype: the type the model's parameters had.
        code: the method's file where a method was run: while it is in no commit, `git_dirty` is true.
    """
    made_in = {**_environment(), "threads": threads, "device": device, "gpu": gpu, "dtype": dtype}
    if code is not None and made_in["git_sha"] and uncommitted_method(code):
        made_in["git_dirty"] = True
    return made_in


@cache
def _environment() -> dict[str, Any]:
    lock = _CHECKOUT / _LOCK_FILE
    return {
        "prunebench": prunebench.__version__,
        **git_state(_CHECKOUT / "prunebench"),
        "lock_sha256": sha256_file(lock) if lock.is_file() else None,
        "python": platform.python_version(),
        **{package.replace("-", "_"): package_version(package) for package in _PACKAGES},
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


@cache
def package_version(package: str) -> str | None:
    """The installed version, found without importing the package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_state(package: Path) -> dict[str, Any]:
    """`git_sha` of the commit checked out where `package` lies and `git_dirty`, whether tracked files differ from it.

    Both are None outside git, and for a package that merely was installed inside somebody's repository.
    """
    nothing = {"git_sha": None, "git_dirty": None}
    if git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return nothing
    sha, changes = git(package, "rev-parse", "HEAD"), git(package, "status", "--porcelain", "--untracked-files=no")
    return {"git_sha": sha.strip(), "git_dirty": bool(changes)} if sha and changes is not None else nothing


def uncommitted_method(code: Path) -> list[str]:
    """What of a method's file and of the data files beside it is in no commit."""
    return uncommitted(code.parent, *(path.resolve() for path in sorted(code.parent.glob(f"{code.stem}.*"))))


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
