"""A run that is killed goes on where it was, with the same bare command."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from prunebench.layout import METRICS
from tests.waiting import wait_until
from tests.workflow.project import Project, environment
from tests.workflow.test_damage import numbers

pytestmark = pytest.mark.slow

SLOW = """
METHOD = {"title": "Slow", "family": "test", "patterns": ["unstructured"], "group": "row"}


def score(weight, inputs, layer, target):
    import os, time
    if "layers.0.self_attn.q_proj" in layer.name:
        with open("calls", "a") as file:
            file.write(target.token + " ")
        while target.token > "u20" and not os.path.exists("go"):
            time.sleep(0.05)
    return weight.abs()
"""
TARGETS = ["u10", "u20", "u30", "u40", "u50"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_after_a_kill_the_bare_command_loses_at_most_the_cell_in_progress(
    project: Project, how: signal.Signals
) -> None:
    project.method("slow", SLOW)
    project.config.update(methods=["slow"], targets=TARGETS)
    sweep = project.root / "results" / "pruned" / "tiny" / "tiny-llama" / "slow" / "seed0"
    with (project.root / "first.log").open("w") as log:
        run = subprocess.Popen(
            project.command(), cwd=project.root, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: (project.root / "calls").exists() and "u30" in (project.root / "calls").read_text(), "u30")
        said = project.snakemake(succeeds=False)
        who = f"process {run.pid} on {os.uname().nodename}"
        assert f"another run ({who}) is working in this directory; wait for it to end" in said
        assert "Traceback" not in said
    finally:
        os.killpg(run.pid, how)
        run.wait()
    before = project.records()
    assert {path.stem for path in sweep.glob("*.json")} == {"u10", "u20"}

    (project.root / "go").touch()
    project.snakemake()
    assert {path: digest for path, digest in project.records().items() if path in before} == before
    assert {path.stem for path in sweep.glob("*.json")} == set(TARGETS)
    calls = (project.root / "calls").read_text().split()
    assert sorted(calls) == sorted([*TARGETS, "u30"])


def test_when_snakemake_alone_is_killed_its_job_goes_on_and_nothing_is_computed_twice(
    project: Project, tmp_path: Path
) -> None:
    undisturbed = Project(tmp_path / "undisturbed")
    for each in (project, undisturbed):
        each.method("slow", SLOW.replace("while", "time.sleep(2)\n        while"))
        each.config.update(methods=["slow"], targets=TARGETS)
        (each.root / "go").touch()
    sweep = project.root / "results" / "pruned" / "tiny" / "tiny-llama" / "slow" / "seed0"
    with (project.root / "first.log").open("w") as log:
        run = subprocess.Popen(project.command(METRICS), cwd=project.root, env=environment(), stdout=log, stderr=log)
    try:
        wait_until((sweep / "u10.json").exists, "u10 is pruned")
    finally:
        run.kill()
        run.wait()
    project.collect()
    assert (project.root / "calls").read_text().split() == TARGETS
    undisturbed.collect()
    tables = [numbers((each.root / METRICS).read_bytes()) for each in (project, undisturbed)]
    assert tables[0] == tables[1]
