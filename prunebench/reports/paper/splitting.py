"""Which rows and columns of a paper's table go together on a page, and how wide its columns of words are."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from textwrap import wrap
from typing import Literal

from prunebench.reports.fitting import (
    COLUMN_GAP,
    LINE,
    SCRIPT,
    SMALL,
    TEXT_HEIGHT,
    TEXT_WIDTH,
    batches,
    longest_word,
    narrowed,
    width,
)
from prunebench.reports.paper.filling import Filled
from prunebench.reports.paper.writing import Written, write_cell

Kind = Literal["text", "decimals", "plain"]

TEXT_COLUMN = 170.0  # points: a column of continuations
_WORDS_SHARE = 0.4  # of the width, or what numbers leave, is taken by words at most
_HEADING_LETTERS = 16  # in a line of a column's heading, but for longer words
_HEAD, _RULE, _BELOW = 60.0, 5.0, 9.0  # points: the head and the lines around, a line between, a published value


@dataclass(frozen=True)
class Part:
    """What one float shows of a table.

    Attributes:
        rows, columns: by number.
        stubs, notes: the widths of the columns of words left and right of the numbers, in points.
        kinds: of all columns of the table: continuations, numbers with decimals, or anything else.
    """

    rows: range
    columns: range
    stubs: tuple[float, ...]
    notes: tuple[float, ...]
    kinds: tuple[Kind, ...]


def split(filled: Filled, caption: float) -> list[Part]:
    """The parts of a table, its columns side by side first; `caption` is the length of its caption in points."""
    table = filled.table
    cells = [[write_cell(cell) for cell in row] for row in filled.cells]
    kinds = tuple(_kind(filled, [row[j] for row in cells], j) for j in range(len(table.columns)))
    stubs = [(heading, *(row.stubs[i] for row in table.rows)) for i, heading in enumerate(table.stubs)]
    notes = [(heading, *(row.notes[i] for row in table.rows)) for i, heading in enumerate(table.notes)]
    widths = [
        COLUMN_GAP + max(_heading_width(filled, j), *(_width(row[j], kinds[j]) for row in cells))
        for j in range(len(table.columns))
    ]
    words = _words([*stubs, *notes], sum(widths))
    across = batches(widths, TEXT_WIDTH - sum(words) - COLUMN_GAP * (len(words) - 1), _group_starts(filled))
    words = _words([*stubs, *notes], max(sum(widths[j] for j in columns) for columns in across))
    heights = [_RULE * row.line + _height((*row.stubs, *row.notes), words, written, kinds)
               for row, written in zip(table.rows, cells, strict=True)]  # fmt: skip
    breaks = [i for i, row in enumerate(table.rows) if row.line]
    left, right = tuple(words[: len(stubs)]), tuple(words[len(stubs) :])
    return [
        Part(rows, columns, left, right, kinds)
        for rows in batches(heights, room_below(caption), breaks)
        for columns in across
    ]


def room_below(caption: float) -> float:
    """How high the rows of a float may be under a caption of such a length, both in points."""
    return TEXT_HEIGHT - _HEAD - (ceil(caption / TEXT_WIDTH) + 1) * LINE


def lines_of(text: str, points: float) -> int:
    """How many lines a text takes in a column of such a width."""
    return max(1, ceil(1.1 * width(text) / points))  # lines end before they are full


def heading_lines(title: str) -> list[str]:
    """What stands above a column, in lines."""
    return wrap(title, _HEADING_LETTERS, break_long_words=False, break_on_hyphens=False) or [""]


def here_words(stand_in: str) -> str:
    """What says above a column what stands in for the paper's model and dataset there."""
    return f"here: {stand_in}" if stand_in else ""


def _words(columns: Sequence[Sequence[str]], numbers: float) -> list[float]:
    """The widths of the columns of words beside `numbers` points of numbers: as wide as their texts, or these wrap."""
    widths = [max(map(width, texts)) for texts in columns]
    least = [max(map(longest_word, texts)) for texts in columns]
    room = TEXT_WIDTH - COLUMN_GAP * (len(columns) - 1)
    return narrowed(widths, max(room * _WORDS_SHARE, room - numbers), least)


def _kind(filled: Filled, column: Sequence[Written], number: int) -> Kind:
    if any(row[number].place.quantity.metric == "continuation" for row in filled.cells):
        return "text"
    return "decimals" if any("." in written.number for written in column) else "plain"


def _heading_width(filled: Filled, number: int) -> float:
    column = filled.table.columns[number]
    here = [width(line, SCRIPT) for line in heading_lines(here_words(filled.here(column)))]
    return max(*map(width, heading_lines(column.title)), *here)


def _width(written: Written, kind: Kind) -> float:
    if kind == "text":
        return TEXT_COLUMN
    power = "x10^5" if written.power else ""
    main = " ".join(filter(None, [f"{written.number}{power}", written.text, written.status]))
    unseen = ".00" if kind == "decimals" and "." not in written.number else ""
    below = " ".join(filter(None, [written.published, written.difference]))
    return max(width(main + unseen), width(below, SCRIPT))


def _height(words: Sequence[str], widths: Sequence[float], written: Sequence[Written], kinds: Sequence[Kind]) -> float:
    lines = [lines_of(text, points) * LINE for text, points in zip(words, widths, strict=True)]
    for value, kind in zip(written, kinds, strict=True):
        if kind == "text":
            below = lines_of(value.published or "", TEXT_COLUMN * SMALL / SCRIPT)
            lines.append(lines_of(value.text, TEXT_COLUMN) * LINE + below * _BELOW)
        else:
            lines.append(LINE + _BELOW * (value.published is not None))
    return max(lines, default=LINE)


def _group_starts(filled: Filled) -> list[int]:
    columns = filled.table.columns
    return [j for j in range(1, len(columns)) if columns[j].group != columns[j - 1].group]
