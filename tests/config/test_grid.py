from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.config.grid import Chunk, Grid, describe, expand
from prunebench.config.load import load_config
from prunebench.errors import PrunebenchError
from prunebench.layout import Sweep
from tests.config.project import write_project

Mapping = dict[str, Any]


def grid_of(mapping: Mapping, **values: Any) -> Grid:
    return expand(load_config({**mapping, **values}))


def cells_of(grid: Grid, method: str) -> set[tuple[str, int, str]]:
    return {(cell.sweep.model, cell.sweep.seed, cell.target) for cell in grid.cells if cell.sweep.method == method}


def test_legal_cells_are_the_product_and_illegal_ones_are_left_out_with_a_reason(mapping: Mapping) -> None:
    grid = grid_of(mapping, seeds=[0, 1])
    assert cells_of(grid, "alpha") == set(product(["one", "two"], [0, 1], ["u50", "n2m4"]))
    assert cells_of(grid, "beta") == set(product(["one", "two"], [0, 1], ["s20"]))
    assert {(s.method, s.target) for s in grid.skipped} == {("alpha", "s20"), ("beta", "u50"), ("beta", "n2m4")}
    assert "beta does structured, n2m4 is n:m" in {s.reason for s in grid.skipped}


def test_the_dense_model_is_there_once_per_model_listed_or_not(mapping: Mapping) -> None:
    for methods in (["alpha"], ["dense", "alpha"], ["alpha", "dense"]):
        grid = grid_of(mapping, methods=methods, seeds=[3, 4])
        assert cells_of(grid, "dense") == {("one", 3, "u00"), ("two", 3, "u00")}
        assert grid.cells[0].sweep.method == "dense"


def test_a_run_of_the_dense_model_alone_is_a_run(mapping: Mapping) -> None:
    assert len(grid_of(mapping, methods=[], targets=[]).cells) == 2


def test_variants_are_methods_of_their_own(mapping: Mapping) -> None:
    grid = grid_of(mapping, methods=["alpha", "alpha@power=2.0"])
    assert cells_of(grid, "alpha") == cells_of(grid, "alpha@power=2.0")


def test_a_grid_without_any_legal_cell_is_refused_with_the_reasons(mapping: Mapping) -> None:
    with pytest.raises(
        PrunebenchError, match=r"none of the methods can do .*beta does structured, u50 is unstructured"
    ):
        grid_of(mapping, methods=["beta"], targets=["u50", "n2m4"])
    with pytest.raises(PrunebenchError, match="`targets` is empty"):
        grid_of(mapping, targets=[])


def test_a_method_with_no_legal_target_has_no_sweep(mapping: Mapping) -> None:
    grid = grid_of(mapping, targets=["u50"])
    assert {sweep.method for sweep in grid.sweeps} == {"dense", "alpha"}
    assert all(chunk.targets for chunk in grid.chunks)


def test_all_cells_of_a_broken_method_are_in_the_grid(mapping: Mapping) -> None:
    Path(mapping["method_paths"][0], "broken.py").write_text("METHOD = {}\n")
    grid = grid_of(mapping, methods=["broken"])
    assert {target for _, _, target in cells_of(grid, "broken")} == {"u50", "n2m4", "s20"}


def test_the_description_counts_the_cells_and_names_what_is_left_out_once(mapping: Mapping) -> None:
    text = describe(grid_of(mapping))
    assert text.splitlines()[0].startswith("grid: 8 cells in 6 sweeps")
    assert text.splitlines()[1:] == [
        "left out: s20, which is structured and not done by alpha",
        "left out: u50, which is unstructured and not done by beta",
        "left out: n2m4, which is n:m and not done by beta",
    ]


def test_jobs_are_whole_sweeps_unless_cut(mapping: Mapping) -> None:
    assert {chunk.targets for chunk in grid_of(mapping).chunks} == {("u00",), ("u50", "n2m4"), ("s20",)}
    cut = grid_of(mapping, cells_per_job=1)
    assert {chunk.targets for chunk in cut.chunks} == {("u00",), ("u50",), ("n2m4",), ("s20",)}


TARGETS = ["u10", "u20", "u50", "u70", "n1m4", "n2m4", "s10", "s20"]


@settings(max_examples=25)
@given(
    targets=st.lists(st.sampled_from(TARGETS), unique=True, min_size=1),
    seeds=st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=3),
    cells_per_job=st.integers(0, 5),
)
def test_chunks_cover_every_cell_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, targets: list[str], seeds: list[int], cells_per_job: int
) -> None:
    mapping = write_project(tmp_path_factory.mktemp("project") / "p")
    grid = grid_of(mapping, methods=["alpha", "beta"], targets=targets, seeds=seeds, cells_per_job=cells_per_job)
    covered = [(sweep, target) for chunk in grid.chunks for sweep in chunk.sweeps for target in chunk.targets]
    assert sorted(covered) == sorted((cell.sweep, cell.target) for cell in grid.cells)
    assert len(set(covered)) == len(covered)
    assert all(len(chunk.targets) <= cells_per_job for chunk in grid.chunks if cells_per_job)
    names = [chunk.name for chunk in grid.chunks]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalnum() for name in names)


def test_long_target_lists_have_short_names_that_differ() -> None:
    def name(*targets: str) -> str:
        return Chunk(targets, (Sweep("p", "m", "x", 0),)).name

    many = [f"u{percent}" for percent in range(10, 90)]
    assert len(name(*many)) < 60
    assert name(*many) != name(*many[:5], *many[6:])
