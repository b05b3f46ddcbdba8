"""What a page embeds is everything the board knows, in fewer words."""

import json

import pytest

from prunebench.reports.board import board
from prunebench.reports.packing import packed
from prunebench.reports.panels import panels
from prunebench.reports.source import Source


def unpacked(columns):
    """The cells again, as the page's script makes them."""

    def failure(metric, number):
        different, numbers = columns["failures"][metric]
        return different[numbers[str(number)]] if str(number) in numbers else None

    def there(found):
        return {name: value for name, value in found.items() if value is not None}

    return [
        {
            **{field: different[numbers[i]] for field, (different, numbers) in columns["words"].items()},
            "seed": seed,
            "texts": columns["texts"][i],
            "values": {
                name: [column[i] for column in values]
                for name, values in columns["values"].items()
                if any(column[i] is not None for column in values)
            },
            "failures": there({metric: failure(metric, i) for metric in columns["failures"]}),
            "costs": there({name: column[i] for name, column in columns["costs"].items()}),
        }
        for i, seed in enumerate(columns["seed"])
    ]


@pytest.fixture(scope="module")
def cells(run_files):
    source = Source.read(*run_files)
    return board(source, list(panels(source)))["cells"]


def test_packed_cells_are_the_same_cells(cells):
    assert any(cell["failures"] for cell in cells)
    assert unpacked(json.loads(json.dumps(packed(cells)))) == json.loads(json.dumps(cells))


def test_packed_cells_take_half_the_room(cells):
    many = [{**cell, "seed": seed} for seed in range(20) for cell in cells]
    assert len(json.dumps(packed(many))) < 0.5 * len(json.dumps(many))


def test_no_cells_are_packed_too():
    assert unpacked(json.loads(json.dumps(packed([])))) == []
