"""The published numbers of a paper: tidy CSV files, every value as it is printed there."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prunebench.config.paper import REFERENCE_FOLDER
from prunebench.config.paper_metrics import SHARES, Quantity
from prunebench.config.paper_parts import Reference
from prunebench.errors import PrunebenchError
from prunebench.reports.panels import DENSE_METHOD
from prunebench.targets import DENSE

COLUMNS = ("model", "method", "target", "metric", "published")
DATASET, DRAFT = "dataset", "draft"
_KEY = (*COLUMNS[:-1], DATASET)
_NUMBER = re.compile(r"(?P<number>[-+]?\d+(\.\d*)?(e[-+]?\d+)?) ?(?P<percent>%?)( ?[(±].*)?", re.ASCII)


@dataclass(frozen=True)
class Published:
    """Published values; `rows` have the keys of `COLUMNS` and a dataset, and an empty one applies everywhere.

    `in_percent`: by row, whether its number is a percentage without the sign.
    """

    rows: tuple[dict[str, str], ...] = ()
    in_percent: tuple[bool, ...] = ()

    def at(self, model: str, method: str, target: str, quantity: Quantity) -> str | None:
        """The value as printed, also `NA`; None where the paper has no such cell."""
        row = self._row(model, method, target, quantity)
        return None if row is None else self.rows[row]["published"]

    def number(self, model: str, method: str, target: str, quantity: Quantity) -> float | None:
        """The value as a number; None where there is none, or no number. A speed-up comes of two published speeds."""
        if quantity.metric == "decode_speedup":
            pace = Quantity("decode_tokens_per_second")
            own, dense = (self.number(model, *cell, pace) for cell in ((method, target), (DENSE_METHOD, DENSE.token)))
            return own / dense if own and dense else None
        row = self._row(model, method, target, quantity)
        number = None if row is None else number_of(self.rows[row]["published"])
        return number / 100 if number is not None and row is not None and self.in_percent[row] else number

    def _row(self, model: str, method: str, target: str, quantity: Quantity) -> int | None:
        asked = dict(zip(_KEY, (model, method, target, quantity.metric, quantity.dataset), strict=True))
        for index, row in enumerate(self.rows):
            if all(not row[name] or row[name] == value for name, value in asked.items()):
                return index
        return None


def read_published(folder: Path, references: Iterable[Reference]) -> Published:
    """Read some files below the paper's `reference/`; of values in several of them the first counts.

    Raises:
        PrunebenchError: as `_read`.
    """
    rows, in_percent = [], []
    for reference in references:
        found = _read(folder, reference)
        rows += found
        in_percent += [
            reference.percent and row["metric"] in SHARES and "%" not in row["published"].partition("(")[0]
            for row in found
        ]
    return Published(tuple(rows), tuple(in_percent))


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
        row.setdefault(DATASET, "")
        key = tuple(row[name] for name in _KEY)
        if key in seen:
            raise PrunebenchError(f"{path} has {' '.join(filter(None, key))} twice")
        seen.add(key)
    return [{name: row[name] for name in (*COLUMNS, DATASET)} for row in rows]


def number_of(published: str | None) -> float | None:
    """A printed value as a number, percentages as fractions; None for `NA`, `TBA` and texts.

    What papers add to a number, `(88%)` or `± 15`, is left aside.
    """
    match = _NUMBER.fullmatch((published or "").strip())
    return float(match["number"]) / (100 if match["percent"] else 1) if match else None
