"""The page's cells as columns: in a run of 10,000 cells what they all repeat would be most of the file."""

from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]

_WORDS = ("protocol", "model", "method", "family", "origin", "target", "status", "reason", "note")


def packed(cells: Sequence[Json]) -> Json:
    """The cells of `board` as `unpacked` in `state.js` makes them again.

    Returns:
        `words`: by field, its different texts and for each cell the number of its own;
        `seed` and `texts`: one entry per cell;
        `values`: by metric seven columns of one entry per cell, all null where the cell has none;
        `failures`: by metric the different failures, and by the number of a cell the number of its own;
        `costs`: by name one column, null where the cell has none;
        `spans`: by name of a cost two columns, null where the cell has none.
    """
    metrics, failed, costs, spans = (
        _names(cell[field] for cell in cells) for field in ("values", "failures", "costs", "spans")
    )
    return {
        "words": {field: _counted([cell[field] for cell in cells]) for field in _WORDS},
        "seed": [cell["seed"] for cell in cells],
        "texts": [cell["texts"] for cell in cells],
        "values": {name: _columns([cell["values"].get(name) for cell in cells], 7) for name in metrics},
        "failures": {name: _failures(name, cells) for name in failed},
        "costs": {name: [cell["costs"].get(name) for cell in cells] for name in costs},
        "spans": {name: _columns([cell["spans"].get(name) for cell in cells], 2) for name in spans},
    }


def _names(mappings: Iterable[Json]) -> list[str]:
    """Their keys, each once."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _columns(rows: Iterable[Sequence[Any] | None], width: int) -> list[tuple[Any, ...]]:
    """Rows of so many entries as columns, null where there is no row."""
    return list(zip(*(row or [None] * width for row in rows), strict=True))


def _counted(values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """The different values, and the number of each."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return list(numbers), [numbers[value] for value in values]


def _failures(metric: str, cells: Sequence[Json]) -> tuple[list[Any], dict[int, int]]:
    found = {number: tuple(cell["failures"][metric]) for number, cell in enumerate(cells) if metric in cell["failures"]}
    different, numbers = _counted(list(found.values()))
    return different, dict(zip(found, numbers, strict=True))
