"""A real Slurm on this machine, for one test module: controller, node and two GPUs that are none."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until
from tests.workflow.project import environment

HERE = Path(__file__).parent
_SCRIPT = HERE / "single_node.sh"
_SETTINGS = {
    # More than this machine has: a job of these tests takes next to nothing of what it asks for.
    "SLURM_TEST_CPUS": "64",
    "SLURM_TEST_MEM_MB": "200000",
    "SLURM_TEST_EDIT_HOSTS": "1" if os.environ.get("CI") else "0",
}


@dataclass(frozen=True)
class Cluster:
    """Slurm with its state in `folder`."""

    folder: Path

    def start(self, port: int = 16817) -> str:
        """Start what is not running; why that is not possible, or nothing."""
        done = subprocess.run(
            ["bash", _SCRIPT, "start", self.folder], env={**environment(), **_SETTINGS, "SLURM_TEST_PORT": str(port)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return "" if done.returncode == 0 else done.stderr.strip()

    def purge(self) -> None:
        """End all jobs and daemons, and remove the state."""
        subprocess.run(["bash", _SCRIPT, "purge", self.folder], check=True, capture_output=True)

    def restart_node(self) -> None:
        """Restart slurmd; jobs go on meanwhile."""
        subprocess.run(["bash", _SCRIPT, "restart-slurmd", self.folder], check=True, capture_output=True)

    def stop_controller(self) -> None:
        """End slurmctld, as for an upgrade; `start` brings it back."""
        pid = int((self.folder / "run" / "slurmctld.pid").read_text())
        subprocess.run(["kill", str(pid)], check=True)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "slurmctld has ended")

    @property
    def environment(self) -> dict[str, str]:
        """For commands that are to talk to this Slurm."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        search = os.pathsep.join([str(HERE / "eager"), *filter(None, [os.environ.get("PYTHONPATH")])])
        configuration = str(self.folder / "etc" / "slurm.conf")
        return {**environment(), "SLURM_CONF": configuration, "PATH": path, "PYTHONPATH": search}

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands says."""
        done = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True)
        return done.stdout

    def jobs(self, state: str = "all") -> list[str]:
        """The numbers of the jobs in a state, oldest first."""
        return sorted(self.ask("squeue", "-h", "-o", "%i", f"--states={state}").split(), key=int)

    def of_job(self, job: str) -> dict[str, str]:
        """What Slurm knows of a job."""
        told = self.ask("scontrol", "show", "job", "--oneliner", job)
        return dict(word.split("=", 1) for word in told.split() if "=" in word)
