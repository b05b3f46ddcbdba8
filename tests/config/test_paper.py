"""A paper's layout: what is refused and with which words, and which cells it needs."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from prunebench.config.grid import expand
from prunebench.config.load import load_config
from prunebench.config.paper import Paper, load_paper
from prunebench.config.standins import needed_cells, shown_names
from prunebench.errors import PrunebenchError
from tests.config.project import write_project
from tests.reports.paper.small import LAYOUT, write_paper


def change(layout: dict[str, Any], path: str, value: Any) -> None:
    """Set `tables.table1.rows.0.method` and the like; None deletes."""
    *parents, last = path.split(".")
    part: Any = layout
    for name in parents:
        part = part[int(name)] if isinstance(part, list) else part[name]
    if value is None:
        del part[last]
    else:
        part[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tables.table1.colums", [], "unknown key 'colums'; did you mean 'columns'"),
        ("tables.table1.rows.1.method", None, "row '50%', column 'Big': no method"),
        ("tables.table1.cell.model", "real", "row '0%', column 'Big': model is given 2 times (real, big-llama)"),
        ("tables.table1.rows.1.target", "50", "target '50' is not one of uNN"),
        ("tables.table1.rows.1.stubs", ["a", "b"], "row 2 has 2 stubs, the table has 1"),
        ("tables.table1.rows.1.notes", None, "row 2 has 0 notes, the table has 1"),
        ("tables.table1.cell.metric", "perplexty", "did you mean 'perplexity'?"),
        ("tables.mixed.levels", None, "a score needs `levels`"),
        ("tables.mixed.written.method", "wanda", "`written` stands for several methods"),
        ("tables.mixed.written.stubs", [], "row 3 has 0 stubs, the table has 1"),
        ("figures.figure1.targets", ["u50", "n2m4"], "target 'n2m4': a figure's axis is unstructured sparsity"),
        ("claims.0.order", "wanda <random", "is not method, relation, method"),
        ("claims.0.order", "wanda =< random", "'=<' is not one of << <= < <~ ~ >~ >= > >>"),
        ("claims.0.targets", ["50%"], "target '50%' is not one of"),
        ("tables.Table 9", {}, "tables.Table 9"),
        ("title", None, "title: is missing"),
    ],
)
def test_a_wrong_layout_is_refused_with_the_place(tmp_path: Path, path: str, value: Any, message: str) -> None:
    layout = deepcopy(LAYOUT)
    change(layout, path, value)
    with pytest.raises(PrunebenchError) as error:
        load_paper(write_paper(tmp_path / "small", layout))
    assert message in str(error.value)
    assert "tables.yaml" in str(error.value)


def test_a_folder_that_is_no_paper_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"no tables\.yaml"):
        load_paper(tmp_path / "absent")
    with pytest.raises(PrunebenchError, match="name the folder with a-z"):
        load_paper(write_paper(tmp_path / "My Paper"))


def test_a_stand_in_is_shown_once_for_the_first_model_it_can_replace() -> None:
    stand_in = {"a": "tiny", "b": "tiny", "c": "other"}
    assert shown_names(["a", "b", "c"], {"tiny"}, stand_in) == {"a": "tiny"}
    assert shown_names(["a", "b", "c"], {"tiny", "a"}, stand_in) == {"a": "a", "b": "tiny"}
    assert shown_names(["tiny", "a"], {"tiny"}, stand_in) == {"tiny": "tiny"}  # shown as itself already
    assert shown_names(["a"], {"else"}, stand_in) == {}


def test_what_is_needed_is_what_is_shown_with_its_kinds_of_evaluation() -> None:
    needed = needed_cells(Paper.model_validate(LAYOUT), ["real", "small"], ["dense", "random", "wanda"])
    assert needed["real", "wanda", "u50"] == {"perplexity", "generation", "zeroshot"}
    assert needed["real", "wanda", "u90"] == {"perplexity"}  # only a claim
    assert needed["small", "wanda", "u50"] == {"perplexity"}
    assert needed["real", "random", "u70"] == {"perplexity"}  # of the score
    assert not any(model.endswith("llama") for model, _, _ in needed)


@pytest.fixture
def mapping(tmp_path: Path) -> dict[str, Any]:
    """A project whose model `one` stands in for the paper's `two`."""
    layout = {
        "title": "A paper",
        "cite": "Nobody",
        "protocols": ["small"],
        "stand_in": {"two": "one"},
        "tables": {
            "table1": {
                "title": "Table 1",
                "caption": "",
                "cell": {"model": "two", "method": "alpha"},
                "stubs": ["Level"],
                "rows": [{"stubs": ["50%"], "target": "u50"}, {"stubs": ["60%"], "target": "u60"}],
                "columns": [{"title": "Perplexity", "metric": "perplexity"}],
            }
        },
    }
    config = write_project(tmp_path)
    return {**config, "paper": str(write_paper(tmp_path / "paper", layout)), "targets": ["u50", "n2m4"]}


def test_the_grid_is_cut_to_what_the_paper_shows(mapping: dict[str, Any]) -> None:
    grid = expand(load_config({**mapping, "models": "one"}))
    cells = {(cell.sweep.method, cell.target): cell.kinds for cell in grid.cells}
    assert cells == {("dense", "u00"): ("perplexity", "zeroshot", "generation"), ("alpha", "u50"): ("perplexity",)}
    assert [chunk.targets for chunk in grid.evaluated("zeroshot")] == [("u00",)]
    assert [chunk.targets for chunk in grid.evaluated("perplexity")] == [("u00",), ("u50",)]


def test_a_run_with_nothing_of_the_paper_is_refused(mapping: dict[str, Any]) -> None:
    with pytest.raises(PrunebenchError, match="shows none of these cells"):
        expand(load_config({**mapping, "models": "one", "targets": ["u90"]}))


def test_unknown_methods_and_models_of_a_layout_are_refused(mapping: dict[str, Any]) -> None:
    path = Path(mapping["paper"]) / "tables.yaml"
    text = path.read_text()
    path.write_text(text.replace("alpha", "alpah"))
    with pytest.raises(PrunebenchError, match=r"unknown method 'alpah' in .*tables\.yaml; did you mean 'alpha'"):
        load_config(mapping)
    path.write_text(text.replace("model: two", "model: twoo"))
    with pytest.raises(PrunebenchError, match=r"unknown model 'twoo' in .*tables\.yaml; did you mean 'two'"):
        load_config(mapping)
