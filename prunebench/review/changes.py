"""Which methods differ from those at a commit. Comments, docstrings and layout are no difference."""

import io
import re
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prunebench import ENGINE_VERSION
from prunebench.errors import PrunebenchError
from prunebench.git import git, git_bytes
from prunebench.plugins.digest import method_digest
from prunebench.plugins.header import find_methods

_PACKAGE = "prunebench"


@dataclass(frozen=True)
class Changes:
    """Methods by name, sorted, as the working directory has them and the commit does not.

    Attributes:
        base: the commit compared with: where this branch left the one that was named.
        package: whether the package itself differs.
        engine: whether its `ENGINE_VERSION` does, which says that any method's numbers may move.
    """

    base: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    package: bool
    engine: bool

    @property
    def present(self) -> tuple[str, ...]:
        """Those that are there to be looked at."""
        return tuple(sorted((*self.added, *self.changed)))

    @property
    def remark(self) -> str:
        """What a review of methods does not cover, if there is any of it."""
        return "The package itself differs, too: that is for its tests to judge (make test)." if self.package else ""


def find_changes(ref: str, method_paths: Iterable[Path]) -> Changes:
    """Compare the methods below the working directory with those at a commit.

    Args:
        ref: a commit or branch; compared is the last commit that it and the present one share.

    Raises:
        PrunebenchError: this is no git repository, it knows no such commit or shares no history with it, or the
            methods of either side cannot be told apart.
    """
    here = Path()
    if git(here, "rev-parse", "--is-inside-work-tree") is None:
        raise PrunebenchError("this folder is in no git repository, so there is nothing to compare methods with")
    if git(here, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") is None:
        raise PrunebenchError(f"git knows no {ref!r} here; fetch it, or name another commit or branch")
    base = git(here, "merge-base", ref, "HEAD")
    if base is None:
        raise PrunebenchError(f"this branch shares no commit with {ref!r}; fetch the whole history, or name another")
    base = base.strip()
    folders = [path for path in method_paths if path.is_dir()]
    now = {name: method_digest(path) for name, path in find_methods(folders).items()}
    with tempfile.TemporaryDirectory() as scratch:
        before = _digests_at(base, folders, Path(scratch))
    changed = git(here, "diff", "--name-only", base, "--", _PACKAGE) or ""
    return Changes(
        base,
        tuple(sorted(now.keys() - before.keys())),
        tuple(sorted(name for name in now.keys() & before.keys() if now[name] != before[name])),
        tuple(sorted(before.keys() - now.keys())),
        bool(changed.strip()),
        _engine_at(base) not in (None, ENGINE_VERSION),
    )


def _engine_at(commit: str) -> int | None:
    """The package's `ENGINE_VERSION` at a commit, which is in the package of the working directory's project."""
    source = git(Path(), "show", f"{commit}:./{_PACKAGE}/__init__.py") or ""
    found = re.search(r"^ENGINE_VERSION = (\d+)$", source, re.MULTILINE)
    return int(found[1]) if found else None


def _digests_at(commit: str, folders: Iterable[Path], scratch: Path) -> dict[str, str]:
    """By method, its digest at a commit; `git archive` gives files as bytes, and all of them at once."""
    there: list[Path] = []
    for folder in folders:
        archive = git_bytes(folder, "archive", "--format=tar", commit, ".")
        if archive is None:
            continue  # the commit has no such folder
        there.append(scratch / str(len(there)))
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(there[-1], filter="data")
    return {name: method_digest(path) for name, path in find_methods(there).items()}
