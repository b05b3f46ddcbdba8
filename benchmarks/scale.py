"""Time and memory of everything that grows with the number of cells (`make bench`), for 10,000 of them.

What computes the cells is left out: the project is a stand-in (`benchmarks.stand_in`). Each step runs in a process of
its own, by the functions that the workflow calls; figures are of that process and its children.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.stand_in import CHECKOUT, SEEDS, Project, make_config
from prunebench.config.grid import expand
from prunebench.layout import METRICS, PROVENANCE

PLAN_SECONDS, PLAN_BYTES = 60.0, 1e9
PATIENCE = 600.0  # seconds; what takes longer is stopped, and the table says so
REPORT_SECONDS = 60.0  # collect, tables, figures and pages together
PAGE_BYTES = 15e6
START_SECONDS = 5.0  # of a command that has one job to do

_GATHER = """
import yaml
from pathlib import Path
from prunebench.config.load import load_config
from prunebench.results.gather import gather
gather(load_config(yaml.safe_load(open("run.yaml"))), Path(metrics), Path(provenance))
"""
_BUILD = """
from pathlib import Path
from prunebench.reports.build import {0}
{0}(Path(metrics), Path(provenance), Path("{1}"))
"""
_STEPS = {
    "collect": _GATHER,
    "tables": _BUILD.format("build_tables", "reports/tables"),
    "figures": _BUILD.format("build_figures", "reports/figures"),
    "page": _BUILD.format("build_leaderboard", "reports/leaderboard.html"),
    "methods": _BUILD.format("build_method_pages", "reports/methods"),
}


@dataclass(frozen=True)
class Cost:
    """Of a process and its children: seconds of wall and of processor time, peak resident bytes of the largest.

    The peak is not below that of whoever started it, which the system counts as the process's own until its program is
    loaded. Processor time and peak are 0 where nobody looked. What was not `finished` was stopped.
    """

    wall: float
    cpu: float
    peak: int
    finished: bool = True

    @property
    def row(self) -> tuple[str, str, str]:
        """For a table."""
        if not self.finished:
            return f"not finished in {self.wall:.0f} s", "", ""
        known = self.peak > 0
        return f"{self.wall:.1f}", f"{self.cpu:.1f}" if known else "", f"{self.peak / 1e6:.0f}" if known else ""


class Report:
    """The table as it grows, and the bounds that were missed."""

    def __init__(self, cells: int) -> None:
        self.table = Table("step", "wall s", "CPU s", "peak MB", title=f"{cells} cells")
        self.missed: list[str] = []

    def add(self, name: str, cost: Cost) -> Cost:
        """One line."""
        print(f"{name}: {cost.row[0]}", file=sys.stderr)  # a sign of life: all of it takes minutes
        self.table.add_row(name, *cost.row)
        return cost

    def bound(self, kept: bool, otherwise: str) -> None:
        """Remember a bound that was missed."""
        if not kept:
            self.missed.append(otherwise)


def main() -> None:
    """Print the table and the bounds; exit 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("plan", "reports"), help="measure only this part (default: both)")
    parser.add_argument("--variants", type=int, default=5, help="of each method in the grid")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        mapping = make_config(chosen.variants, chosen.seeds)
        project = Project(Path(folder) / "project", mapping)
        report = Report(len(expand(project.config).cells))
        if chosen.part != "reports":
            measure_plan(project, mapping, report)
        if chosen.part != "plan":
            measure_reports(project, report)
    Console().print(report.table)
    sys.exit("\n".join(report.missed) or 0)


def measure_plan(project: Project, mapping: dict[str, Any], report: Report) -> None:
    """Plans of an empty project, with sweeps as jobs and with cells as jobs."""
    plan = report.add("plan, nothing on disk", snakemake(project, "-n", "--quiet"))
    kept = plan.wall <= PLAN_SECONDS and plan.peak <= PLAN_BYTES
    report.bound(kept, f"the plan takes {plan.wall:.0f} s and {plan.peak / 1e9:.2f} GB")
    project.configure({**mapping, "cells_per_job": 1})
    report.add("plan, cells_per_job: 1", snakemake(project, "-n", "--quiet"))
    project.configure(mapping)


def measure_reports(project: Project, report: Report) -> None:
    """Everything that is done once the cells are there."""
    project.fill()
    together = sum(report.add(name, run(project, code)).wall for name, code in _STEPS.items())
    report.bound(together <= REPORT_SECONDS, f"collect, tables, figures and pages take {together:.0f} s together")
    size = (project.root / "reports/leaderboard.html").stat().st_size
    report.bound(size <= PAGE_BYTES, f"the page has {size / 1e6:.1f} MB")
    print(f"page: {size / 1e6:.1f} MB; collect, tables, figures and pages together: {together:.1f} s")

    # By the times of the files alone: Snakemake's own notes on what made them are not there.
    report.add("plan, everything on disk", snakemake(project, "-n", says="Nothing to be done"))
    start = report.add("one job to do: until its script starts", start_of_a_job(project))
    report.bound(start.wall <= START_SECONDS, f"a job starts after {start.wall:.0f} s")


def snakemake(project: Project, *arguments: str, says: str = "") -> Cost:
    """Run Snakemake in the project to its end, which is to say so much."""
    return _measure(project, project.command(sys.executable, *arguments), says)


def run(project: Project, code: str) -> Cost:
    """Run Python code in the project, with the names of the two files that reports are made from."""
    return _measure(project, [sys.executable, "-c", f"metrics, provenance = {METRICS!r}, {PROVENANCE!r}\n{code}"])


def start_of_a_job(project: Project) -> Cost:
    """From the command that makes one missing record to the first sign of the job's script: its log.

    The record is one of a cell that was not pruned, for which no worker is needed.
    """
    cells = expand(project.config).cells
    record = next(
        cell.sweep.evaluation_record(cell.target, "generation")
        for cell in cells
        if cell.target != "u00" and '"error"' in (project.root / cell.sweep.prune_record(cell.target)).read_text()
    )
    (project.root / record).unlink()
    logs = project.root / "results/logs/evaluate_generation"
    shutil.rmtree(logs, ignore_errors=True)
    started = time.perf_counter()
    with subprocess.Popen(project.command(sys.executable, str(record)), cwd=project.root, stderr=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, env=_environment()) as process:  # fmt: skip
        while not any(logs.rglob("*.log")) and process.poll() is None:
            time.sleep(0.02)
        wall = time.perf_counter() - started
    if not (project.root / record).exists():
        sys.exit(f"snakemake did not make {record}")
    return Cost(wall, 0.0, 0)


def _measure(project: Project, command: list[str], says: str = "") -> Cost:
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment()
    )
    assert process.stdout is not None
    patience = Timer(PATIENCE, process.kill)
    patience.start()
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)  # with what its own children took, if it waited for them
    patience.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    finished = process.returncode != -signal.SIGKILL or wall < PATIENCE
    if finished and (process.returncode or says not in said):
        sys.exit(f"{' '.join(command)} failed:\n{said}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, finished)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}


if __name__ == "__main__":
    main()
