"""Figures that look inside of models: what is refused, and which cells get the evaluation they need."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from prunebench.config.grid import expand
from prunebench.config.load import load_config
from prunebench.config.paper import load_paper
from prunebench.errors import PrunebenchError
from tests.config.project import PROTOCOLS, write_project
from tests.config.test_paper import change
from tests.reports.paper.inside import LAYOUT
from tests.reports.paper.small import write_paper


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("figures.heads.kind", "graf", "unknown kind 'graf'; did you mean 'graph'"),
        ("figures.heads.tau", None, "tau: is missing"),
        ("figures.heads.tau", 0, "greater than 0"),
        ("figures.heads.panels", [], "panels"),
        ("figures.heads.panels.0.block", "four", "block"),
        ("figures.heads.panels.0.blok", 4, "unknown key 'blok'; did you mean 'block'"),
        ("figures.heads.series", [], "unknown key 'series'"),
        ("figures.heads.target", "50", "target '50' is not one of"),
        ("figures.spectra.matrix", "upp", "unknown value 'upp'; did you mean 'up'"),
        ("figures.spectra.series", [], "series"),
        ("figures.spectra.series.0.target", None, "target: is missing"),
        ("figures.spectra.references", [], "unknown key 'references'"),
    ],
)
def test_a_wrong_figure_is_refused_with_the_place(tmp_path: Path, path: str, value: Any, message: str) -> None:
    layout = deepcopy(LAYOUT)
    change(layout, path, value)
    with pytest.raises(PrunebenchError) as error:
        load_paper(write_paper(tmp_path / "small", layout))
    assert message in str(error.value)
    assert ".".join(path.split(".")[:2]) in str(error.value)


@pytest.mark.parametrize("metric", ["singular_value", "head_distance"])
def test_a_number_of_a_block_names_the_block(tmp_path: Path, metric: str) -> None:
    layout = deepcopy(LAYOUT)
    layout["claims"] = [
        {"claim": "x", "where": "y", "order": "dense < fast", "models": ["real"], "targets": ["s20"], "metric": metric}
    ]
    with pytest.raises(PrunebenchError, match=f"metric {metric} needs a dataset"):
        load_paper(write_paper(tmp_path / "small", layout))


def project(root: Path, **internals: Any) -> dict[str, Any]:
    """A config of a paper that shows the distribution of model `one`, and the graph of no model of the run."""
    config = write_project(root)
    layout = {
        "title": "T", "cite": "C", "protocols": ["small"],
        "figures": {
            "spectra": {**LAYOUT["figures"]["spectra"], "model": "one", "series": [
                {"title": "dense", "method": "dense", "target": "u00"},
                {"title": "20%", "method": "beta", "target": "s20"},
            ]},
            "curves": {
                "title": "Figure 3", "caption": "x", "model": "two", "targets": ["u50", "u60"],
                "panels": [{"series": [{"title": "a", "method": "alpha"}]}],
            },
        },
    }  # fmt: skip
    write_paper(root / "small", layout)
    protocols = {"small": {**PROTOCOLS["small"], "internals": internals}}
    (root / "protocols.yaml").write_text(yaml.safe_dump(protocols))
    return {**config, "paper": str(root / "small"), "evaluate": ["perplexity", "internals"]}


def test_only_the_cells_that_are_shown_are_looked_into(tmp_path: Path) -> None:
    grid = expand(load_config(project(tmp_path)))
    kinds = {(cell.sweep.model, cell.sweep.method, cell.target): cell.kinds for cell in grid.cells}
    assert kinds == {
        ("one", "dense", "u00"): ("perplexity", "internals"),
        ("one", "beta", "s20"): ("internals",),
        ("two", "dense", "u00"): ("perplexity",),  # the dense row of all that is compared
        ("two", "alpha", "u50"): ("perplexity",),
    }


def test_without_a_paper_every_cell_is_looked_into_that_the_config_asks_for(tmp_path: Path) -> None:
    config = {**project(tmp_path), "paper": None}
    assert all(cell.kinds == ("perplexity", "internals") for cell in expand(load_config(config)).cells)


def test_a_block_that_is_shown_but_not_measured_is_a_mistake(tmp_path: Path) -> None:
    config = project(tmp_path, spectra=[0])
    with pytest.raises(PrunebenchError, match=r"singular_value of block-1.up is shown, but protocol 'small'"):
        load_config(config)
    load_config({**config, "evaluate": ["perplexity"]})  # then the figure is one that is not run


@pytest.mark.parametrize(
    ("internals", "message"),
    [
        ({"spectra": [0, 0]}, "a block is there twice: 0, 0"),
        ({"ecdf_steps": 0}, "ecdf_steps"),
        ({"head": [1]}, "unknown key 'head'; did you mean 'heads'"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, internals: dict[str, Any], message: str) -> None:
    with pytest.raises(PrunebenchError, match=message):
        load_config(project(tmp_path, **internals))
