"""The published numbers of a paper: tidy CSV files, every value as it is printed there."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prunebench.config.paper import REFERENCE_FOLDER
from prunebench.config.paper_parts import Reference
from prunebench.errors import PrunebenchError

COLUMNS = ("model", "method", "target", "metric", "published")
DRAFT = "draft"


@dataclass(frozen=True)
class Published:
    """Published values; `rows` have the keys of `COLUMNS`, and an empty one applies everywhere."""

    rows: tuple[dict[str, str], ...] = ()

    def at(self, model: str, method: str, target: str, metric: str) -> str | None:
        """The value as printed, also `NA`; None where the paper has no such cell."""
        asked = {"model": model, "method": method, "target": target, "metric": metric}
        for row in self.rows:
            if all(not row[name] or row[name] == value for name, value in asked.items()):
                return row["published"]
        return None


def read_published(folder: Path, references: Iterable[Reference]) -> Published:
    """Read some files below the paper's `reference/`; of values in several of them the first counts.

    Raises:
        PrunebenchError: as `_read`.
    """
    return Published(tuple(row for reference in references for row in _read(folder, reference)))


def _read(folder: Path, reference: Reference) -> list[dict[str, str]]:
    """The rows of one file.

    Raises:
        PrunebenchError: the file or the draft is not there, a column is missing, or a value is there twice.
    """
    path = folder / REFERENCE_FOLDER / reference.file
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            rows, found = list(reader), set(reader.fieldnames or ())
    except FileNotFoundError:
        raise PrunebenchError(f"{path} is not there; tables.yaml names it under `reference`") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise PrunebenchError(f"{path} is no CSV file: {error}") from None
    if lacking := [name for name in (*COLUMNS, *([DRAFT] if reference.draft else [])) if name not in found]:
        raise PrunebenchError(f"{path} has no column {', '.join(lacking)}")
    if reference.draft:
        rows = [row for row in rows if row[DRAFT] == reference.draft]
        if not rows:
            raise PrunebenchError(f"{path} has no rows of draft {reference.draft!r}")
    elif DRAFT in found:
        raise PrunebenchError(f"{path} has several drafts; tables.yaml must name one under `reference`")
    seen = set()
    for row in rows:
        key = tuple(row[name] for name in COLUMNS[:-1])
        if key in seen:
            raise PrunebenchError(f"{path} has {' '.join(filter(None, key))} twice")
        seen.add(key)
    return [{name: row[name] for name in COLUMNS} for row in rows]


def number_of(published: str | None) -> float | None:
    """A printed value as a number, percentages as fractions; None for `NA`, `TBA` and texts."""
    text = (published or "").strip()
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
