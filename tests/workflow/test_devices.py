"""Jobs on a GPU run as many at a time as there are GPUs; other work goes on beside them."""

import re

import pytest

from tests.workflow.project import Project, waiting_method

pytestmark = pytest.mark.slow

# Waits for the other to begin as well, and says whether it did.
TIMED = r"""
deadline = time.monotonic() + SECONDS
while open("calls").read().count("u50") < 2 and time.monotonic() < deadline:
    time.sleep(0.05)
with open("together", "a") as file:
    file.write(f"{open('calls').read().count('u50') == 2}\n")
"""


def run(project: Project, gpus: int, seconds: int) -> tuple[list[str], str]:
    """Of two sweeps, whether the other was at work as each ended; and what Snakemake said.

    Args:
        seconds: that the first waits for the other.
    """
    for name in ("one", "two"):
        project.method(name, waiting_method(TIMED.replace("SECONDS", str(seconds))))
    project.config.update(methods=["one", "two"], models=["tiny-llama", "tiny-opt"])
    wanted = [f"results/pruned/tiny/tiny-llama/{name}/seed0/u50.json" for name in ("one", "two")]
    # As the Snakefile does where there are so many GPUs.
    limit = ["--resources", f"device={gpus}"]
    said = project.snakemake("--cores", "3", *limit, "--", *wanted, "results/assets/models/tiny-opt/asset.json")
    return (project.root / "together").read_text().split(), said


def test_on_one_gpu_sweeps_run_one_at_a_time_and_cpu_work_beside_them(finished: Project) -> None:
    together, said = run(finished, gpus=1, seconds=3)
    assert together == ["False", "True"]  # the second knows only that the first has been there
    pruned = re.search(r"Finished jobid: \d+ \(Rule: prune_u50\)", said)
    assert pruned is not None
    assert "Train model tiny-opt" in said[: pruned.start()]


def test_with_two_gpus_both_sweeps_run_at_once(finished: Project) -> None:
    assert run(finished, gpus=2, seconds=100)[0] == ["True", "True"]
