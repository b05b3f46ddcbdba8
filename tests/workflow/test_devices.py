"""Jobs on a GPU run as many at a time as there are GPUs; other work goes on beside them."""

import re

import pytest

from tests.workflow.project import Project

pytestmark = pytest.mark.slow

# Three seconds, and when they were.
TIMED = """
METHOD = {"title": "Timed", "family": "test", "patterns": ["unstructured"], "group": "row"}


def score(weight, inputs, layer, target):
    import time
    if "layers.0.self_attn.q_proj" in layer.name:
        began = time.time()
        time.sleep(3)
        with open("intervals", "a") as file:
            file.write(f"{began} {time.time()}\\n")
    return weight.abs()
"""


def run(project: Project, gpus: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[list[float]], str]:
    """When each of two sweeps was at work, earliest first, and what Snakemake said."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)  # nothing is computed on them: there may be none
    for name in ("one", "two"):
        project.method(name, TIMED)
    project.config.update(methods=["one", "two"], models=["tiny-llama", "tiny-opt"])
    wanted = [f"results/pruned/tiny/tiny-llama/{name}/seed0/u50.json" for name in ("one", "two")]
    said = project.snakemake("--cores", "3", *wanted, "results/assets/models/tiny-opt/asset.json")
    lines = (project.root / "intervals").read_text().splitlines()
    return sorted([float(time) for time in line.split()] for line in lines), said


def test_on_one_gpu_sweeps_run_one_at_a_time_and_cpu_work_beside_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals, said = run(project, "0", monkeypatch)
    (_, first_end), (second_begin, _) = intervals
    assert second_begin >= first_end
    pruned = re.search(r"Finished jobid: \d+ \(Rule: prune_u50\)", said)
    assert pruned is not None
    assert "Train model tiny-opt" in said[: pruned.start()]


def test_with_two_gpus_both_sweeps_run_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    intervals, _ = run(project, "0,1", monkeypatch)
    (_, first_end), (second_begin, _) = intervals
    assert second_begin < first_end
