"""What git says of a folder, without changing anything there."""

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str | None:
    """The output of a git command in `folder`, as text; None if it fails or there is no git."""
    output = git_bytes(folder, *arguments)
    return None if output is None else output.decode(errors="replace")


def git_bytes(folder: Path, *arguments: str) -> bytes | None:
    """The output of a git command in `folder`; None if it fails or there is no git."""
    # Inside a git hook GIT_DIR and its kin point at another repository than the folder's own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        result = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True, env=environment, check=False,
        )  # fmt: skip
    except OSError:
        return None
    return result.stdout if result.returncode == 0 else None


def uncommitted(folder: Path, *paths: Path) -> list[str]:
    """Which files below `paths`, untracked ones included, differ from the commit checked out in `folder`.

    Returns:
        Their names relative to the top of the repository, sorted; none outside git.
    """
    listed = git(folder, "status", "--porcelain", "--untracked-files=all", "--no-renames", "--", *map(str, paths))
    return sorted(line[3:] for line in (listed or "").splitlines())
