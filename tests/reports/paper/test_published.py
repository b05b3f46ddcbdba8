"""Files of published numbers."""

from pathlib import Path

import pytest

from prunebench.config.paper_metrics import Quantity
from prunebench.config.paper_parts import Reference
from prunebench.errors import PrunebenchError
from prunebench.reports.paper.published import number_of, read_published
from tests.reports.paper.small import PUBLISHED, write_paper


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7.26", 7.26),
        ("37.70%", 0.377),
        ("NA", None),
        ("TBA", None),
        ("69.42 (88%)", 69.42),
        ("19.0 %", 0.19),
        ("916 ± 15", 916),
        ("1.18e+13 (1.15x)", 1.18e13),
        ("6.7B", None),
        ("1 2", None),
        ("*", None),
        ("", None),
        (None, None),
    ],
)
def test_printed_values_as_numbers(text: str | None, number: float | None) -> None:
    assert number_of(text) == (pytest.approx(number) if number is not None else None)


def test_an_empty_coordinate_applies_everywhere(tmp_path: Path) -> None:
    text = "model,method,target,metric,published\nm,aigc_01,,status,Error\n"
    folder = write_paper(tmp_path / "small", published=text)
    published = read_published(folder, [Reference(file="table1.csv")])
    assert published.at("m", "aigc_01", "u50", Quantity("status")) == "Error"
    assert published.at("m", "aigc_02", "u50", Quantity("status")) is None


@pytest.mark.parametrize(
    ("text", "reference", "message"),
    [
        (PUBLISHED, {"file": "absent.csv"}, "is not there"),
        (PUBLISHED, {"file": "table1.csv"}, "must name one"),
        (PUBLISHED, {"file": "table1.csv", "draft": "third"}, "no rows of draft 'third'"),
        ("model,method\n", {"file": "table1.csv"}, "no column target, metric, published"),
        (f"{PUBLISHED}second,real,wanda,u50,perplexity,1\n", {"file": "table1.csv", "draft": "second"}, "twice"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, reference: dict[str, str], message: str) -> None:
    folder = write_paper(tmp_path / "small", published=text)
    with pytest.raises(PrunebenchError, match=message):
        read_published(folder, [Reference(**reference)])
