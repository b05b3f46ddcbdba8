"""What handles every cell of a grid grows with the cells, not with their square."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale import snakemake
from benchmarks.stand_in import Project, make_config
from prunebench.config.grid import expand
from prunebench.layout import sweep_pattern
from prunebench.results.cells import CellResult, load_cells
from prunebench.results.collect import collect
from prunebench.results.gather import described_methods, measured_pairs
from prunebench.results.stale import stale_as_errors
from prunebench.sweeps import keys

pytestmark = pytest.mark.slow

# Times as much as the cells are more: what n times the cells may take. Quadratic work takes n times n.
EXCESS = 1.5


def cpu_seconds(call: Callable[[], Any], repetitions: int = 3) -> float:
    """The shortest of some times: other processes only add to it."""
    found = []
    for _ in range(repetitions):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return min(found)


def test_what_the_snakefile_asks_of_the_package_grows_with_the_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = [Project(tmp_path / str(seeds), make_config(5, seeds)) for seeds in (1, 4)]

    def ask(project: Project) -> None:
        grid = expand(project.config)
        for kind in project.config.evaluate:
            for chunk in grid.evaluated(kind):
                sweep_pattern(chunk.sweeps)
                for sweep in chunk.sweeps:
                    keys.evaluate_params(project.config, sweep, kind, grid.tasks(sweep))
                    keys.prune_params(project.config, sweep)

    monkeypatch.chdir(tmp_path / "1")
    few, many = (cpu_seconds(lambda project=project: ask(project)) for project in projects)
    assert len(expand(projects[1].config).cells) == 8005
    assert many < EXCESS * 4 * few
    assert many < 20


def test_a_dry_run_grows_with_the_cells(tmp_path: Path) -> None:
    one = {"models": ["gpt2"], "methods": ["magnitude"], "targets": ["u50"]}
    project = Project(tmp_path / "project", make_config(1, 1, **one))
    start = min(snakemake(project, "-n", "--quiet").cpu for _ in range(2))  # what any plan takes would hide the growth
    project.configure(make_config(1, 4, targets=["u50"]))  # one target, so as many sweeps as cells
    few = snakemake(project, "-n", "--quiet").cpu - start
    project.configure(make_config(4, 7, targets=["u50"]))
    many = snakemake(project, "-n", "--quiet").cpu - start
    assert many < EXCESS * 7 * few


def test_collecting_grows_with_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path / "project", make_config(1, 1, models=["opt-tiny", "gpt2-tiny"]))
    project.fill()
    monkeypatch.chdir(project.root)
    config = project.config
    results = load_cells(Path(), expand(config).cells, check=stale_as_errors(config))
    assert sum(result.prune.status == "ok" for result in results) > 0.9 * len(results)
    # Records of other seeds are as large as these.
    copies = [replace(result, sweep=replace(result.sweep, seed=seed)) for seed in range(40) for result in results]
    methods, pairs = described_methods(config), measured_pairs(config)

    def gathered(some: list[CellResult]) -> None:
        collect(some, methods, pairs)

    few = cpu_seconds(lambda: gathered(results))
    assert cpu_seconds(lambda: gathered(copies), repetitions=1) < EXCESS * 40 * few
