"""What a change of methods means for the published results beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prunebench.config.load import Config
from prunebench.errors import PrunebenchError
from prunebench.plugins.digest import method_digest
from prunebench.results.published.board import published_cells, rejections
from prunebench.results.published.moved import Change, What, changes_since, objections
from prunebench.results.published.publication import SUFFIX, read_publication
from prunebench.review.changes import Changes


@dataclass(frozen=True)
class PublishedReview:
    """How published cells differ from those at the commit, what must be mended, and what may still be done."""

    cells: tuple[Change, ...]
    problems: tuple[str, ...]
    hints: tuple[str, ...]


def review_published(folder: Path, config: Config, changes: Changes) -> PublishedReview:
    """Hold the published files against the methods' code and against those at the commit.

    A published number may move with its method's code, or with the engine's version; with the package, cells may be
    measured further. No other change may be, nor may a cell go whose method stays as it is.
    """
    try:
        cells = changes_since(folder, changes.base)
        own = (*changes.present, *changes.removed)
        free: dict[What, bool] = {"removed": False, "moved": changes.engine, "measured further": changes.package}
        objected = [
            objection
            for what, any_may in free.items()
            for objection in objections([cell for cell in cells if cell.what == what], None if any_may else own)
        ]
        there = any(folder.glob(f"*{SUFFIX}"))
        rejected = rejections(published_cells(config, folder)) if there else []
        problems = [*objected, *_outdated(folder, config, changes), *rejected]
    except PrunebenchError as error:  # a damaged file, or one whose method is gone
        return PublishedReview((), (str(error),), ())
    hints = [
        f"{name} is not published; prunebench publish {name} puts it on the board"
        for name in changes.present
        if not (folder / f"{name}{SUFFIX}").is_file()
    ]
    return PublishedReview(tuple(cells), tuple(problems), tuple(hints))


def _outdated(folder: Path, config: Config, changes: Changes) -> Iterator[str]:
    """Files whose method has other code by now."""
    for name in changes.present:
        path = folder / f"{name}{SUFFIX}"
        digest = method_digest(config.method_files[name])
        if path.is_file() and any(cell.prune.key.get("method") != digest for cell in read_publication(path).cells):
            yield f"{path} has results of {name}'s old code; run prunebench publish {name} and commit it"
