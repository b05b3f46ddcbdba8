"""A project that runs by the shipped Slurm profile."""

import csv
import shutil
import signal
import subprocess
from pathlib import Path

from tests.slurm.cluster import Cluster
from tests.waiting import wait_until
from tests.workflow.project import ROOT, Project, waiting_method

# Of these a run on the cluster has other numbers than one on this machine; of all others it has the same.
_COSTS = {"prune_seconds", "evaluate_seconds", "peak_memory_gb"}

Row = tuple[str, ...]

# Takes a second per cent, u99 for ever; none where there is `hurry`.
SLOW = "time.sleep(0 if os.path.exists('hurry') else target.sparsity * 100 if target.sparsity < 0.99 else 3600)"

FAILING = """
METHOD = {"title": "Failing", "family": "test", "patterns": ["unstructured"], "group": "row"}


def score(weight, inputs):
    raise ValueError("on purpose")
"""


class SlurmProject(Project):
    """A project with `slow`, which takes as many seconds as its target has per cent, and `failing`."""

    def __init__(self, root: Path, cluster: Cluster) -> None:
        super().__init__(root)
        (root / "slurm").symlink_to(ROOT / "slurm")
        self.method("slow", waiting_method(SLOW))
        self.method("failing", FAILING)
        self.cluster = cluster

    def start(self, *arguments: str) -> "Run":
        """Start a run through Slurm; `said` in its folder is what it says."""
        log = (self.root / "said").open("a")
        command = [
            *self.command("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "1"),
            "--latency-wait", "5", *arguments,
        ]  # fmt: skip
        process = subprocess.Popen(
            command, cwd=self.root, env=self.cluster.environment, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        return Run(process, self)

    def run(self, *arguments: str, succeeds: bool = True) -> str:
        """A whole run through Slurm; what it said."""
        return self.start(*arguments).finish(succeeds)

    def copy_to(self, root: Path) -> None:
        """Copy what a run reads to another folder."""
        shutil.copytree(self.root, root, symlinks=True)

    def said(self) -> str:
        """What all runs through Slurm have said."""
        return (self.root / "said").read_text()

    def rows(self) -> dict[Row, Row]:
        """The numbers of `metrics.csv`, without costs, by model, method, target, metric and dataset."""
        with (self.root / "results" / "metrics.csv").open(newline="") as file:
            return {
                tuple(row[name] for name in ("model", "method", "target", "metric", "dataset")): tuple(
                    row[name] for name in ("value", "ci_low", "ci_high", "n", "status")
                )
                for row in csv.DictReader(file)
                if row["metric"] not in _COSTS
            }

    def record(self, method: str, target: str) -> Path:
        """Where the prune record of a cell lies."""
        return self.root / "results" / "pruned" / "tiny" / "tiny-llama" / method / "seed0" / f"{target}.json"


class Run:
    """A Snakemake at work."""

    def __init__(self, process: "subprocess.Popen[bytes]", project: SlurmProject) -> None:
        self.process, self._project = process, project

    def finish(self, succeeds: bool = True) -> str:
        """Wait for its end; what it said."""
        self.process.wait(timeout=400)
        said = self._project.said()
        assert (self.process.returncode == 0) == succeeds, f"exit status {self.process.returncode}\n{said}"
        return said

    def wait_for_calls(self, *targets: str) -> None:
        """Until `slow` was called for these targets, and maybe for others."""

        def called() -> bool:
            assert self.process.poll() is None, self._project.said()
            return set(targets) <= set(self._project.calls())

        wait_until(called, f"slow is called for {targets}")

    def kill(self) -> None:
        """End Snakemake at once, as if its machine had lost power; its Slurm jobs go on."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
