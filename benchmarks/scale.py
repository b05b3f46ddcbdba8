"""Time and memory of everything that grows with the number of cells (`make bench`), for 10,000 of them.

What computes the cells is left out: the project is a stand-in (`benchmarks.stand_in`). Each step runs in a process of
its own, by the functions that the workflow calls; figures are of that process and its children.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.stand_in import CHECKOUT, SEEDS, Project, make_config
from prunebench.config.grid import expand
from prunebench.layout import METRICS, PROVENANCE

PLAN_SECONDS, PLAN_BYTES = 60.0, 1e9
REPORT_SECONDS = 60.0  # collect, tables, figures and page together
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
}


@dataclass(frozen=True)
class Cost:
    """Of a process and its children: seconds of wall and of processor time, peak resident bytes of the largest.

    The last two are 0 where nobody looked.
    """

    wall: float
    cpu: float
    peak: int

    @property
    def row(self) -> tuple[str, str, str]:
        """For a table."""
        known = self.peak > 0
        return f"{self.wall:.1f}", f"{self.cpu:.1f}" if known else "", f"{self.peak / 1e6:.0f}" if known else ""


def main() -> None:
    """Print the table and the bounds; exit 1 where a bound is missed. Arguments: variants and seeds of the grid."""
    variants, seeds = map(int, sys.argv[1:] or (5, SEEDS))
    missed: list[str] = []
    table = Table("step", "wall s", "CPU s", "peak MB")
    with TemporaryDirectory() as folder:
        project = Project(Path(folder) / "project", make_config(variants, seeds))
        cells = len(expand(project.config).cells)
        table.title = f"{cells} cells"

        def add(name: str, cost: Cost) -> Cost:
            table.add_row(name, *cost.row)
            return cost

        plan = add("plan, nothing on disk", snakemake(project, "-n", "--quiet"))
        if plan.wall > PLAN_SECONDS or plan.peak > PLAN_BYTES:
            missed.append(f"the plan takes {plan.wall:.0f} s and {plan.peak / 1e9:.2f} GB")
        project.configure(make_config(variants, seeds, cells_per_job=1))
        add("plan, cells_per_job: 1", snakemake(project, "-n", "--quiet"))
        project.configure(make_config(variants, seeds))

        project.fill()
        steps = {name: add(name, run(project, code)) for name, code in _STEPS.items()}
        together = sum(cost.wall for cost in steps.values())
        if together > REPORT_SECONDS:
            missed.append(f"collect, tables, figures and page take {together:.0f} s together")
        if (size := (project.root / "reports/leaderboard.html").stat().st_size) > PAGE_BYTES:
            missed.append(f"the page has {size / 1e6:.1f} MB")

        add("mark all as made", snakemake(project, "--touch", "--quiet"))
        add("plan, everything on disk", snakemake(project, "-n", says="Nothing to be done"))
        start = add("one job to do: until its script starts", start_of_a_job(project))
        if start.wall > START_SECONDS:
            missed.append(f"a job starts after {start.wall:.0f} s")
    console = Console()
    console.print(table)
    console.print(f"page: {size / 1e6:.1f} MB; collect, tables, figures and page together: {together:.1f} s")
    sys.exit("\n".join(missed) or 0)


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
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)  # with what its own children took, if it waited for them
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or says not in said:
        sys.exit(f"{' '.join(command)} failed:\n{said}")
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}


if __name__ == "__main__":
    main()
