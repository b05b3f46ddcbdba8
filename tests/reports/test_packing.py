"""What a page embeds is everything the board knows, in fewer words; the page's script makes the same of it again."""

import json

import pytest

from prunebench.reports.board import board
from prunebench.reports.packing import packed
from prunebench.reports.panels import panels
from prunebench.reports.source import Source


def as_json(cells):
    return json.loads(json.dumps(cells))


@pytest.fixture(scope="module")
def cells(run_files):
    source = Source.read(*run_files)
    return board(source, list(panels(source)))["cells"]


def test_the_page_unpacks_the_same_cells(visit, address, cells):
    assert any(cell["failures"] for cell in cells)
    assert visit(address).evaluate("data.cells") == as_json(cells)


def test_packed_cells_take_half_the_room(cells):
    many = [{**cell, "seed": seed} for seed in range(20) for cell in cells]
    assert len(json.dumps(packed(many))) < 0.5 * len(json.dumps(many))


def test_no_cells_are_unpacked_too(visit, address):
    assert visit(address).evaluate("columns => unpacked(columns)", as_json(packed([]))) == []
