"""A run that is killed goes on where it was, with the same bare command."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from prunebench.layout import METRICS
from tests.waiting import wait_until
from tests.workflow.conftest import copy_of
from tests.workflow.project import Project, environment, waiting_method
from tests.workflow.test_damage import numbers

pytestmark = pytest.mark.slow

# Each target above u20 until there is `go`.
UNTIL_GO = "while target.token > 'u20' and not os.path.exists('go'): time.sleep(0.05)"
TARGETS = ["u10", "u20", "u30", "u40", "u50"]


@pytest.mark.parametrize(("begin", "how"), [("project", signal.SIGKILL), ("finished", signal.SIGTERM)])
def test_after_a_kill_the_bare_command_loses_at_most_the_cell_in_progress(
    begin: str, how: signal.Signals, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(begin)
    project.method("slow", waiting_method(UNTIL_GO))
    project.config.update(methods=["slow"], targets=TARGETS)
    sweep = project.root / "results" / "pruned" / "tiny" / "tiny-llama" / "slow" / "seed0"
    with (project.root / "first.log").open("w") as log:
        run = subprocess.Popen(
            project.command(), cwd=project.root, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: "u30" in project.calls(), "u30 is begun")
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
    assert sorted(project.calls()) == sorted([*TARGETS, "u30"])


def test_when_snakemake_alone_is_killed_its_job_goes_on_and_nothing_is_computed_twice(
    finished: Project, tmp_path: Path
) -> None:
    undisturbed = copy_of(finished.root, tmp_path / "undisturbed")
    for each, wait in ((finished, "time.sleep(2)"), (undisturbed, "pass")):
        each.method("slow", waiting_method(wait))
        each.config.update(methods=["slow"], targets=TARGETS)
    sweep = finished.root / "results" / "pruned" / "tiny" / "tiny-llama" / "slow" / "seed0"
    with (finished.root / "first.log").open("w") as log:
        run = subprocess.Popen(finished.command(METRICS), cwd=finished.root, env=environment(), stdout=log, stderr=log)
    try:
        wait_until((sweep / "u10.json").exists, "u10 is pruned")
    finally:
        run.kill()
        run.wait()
    finished.collect()
    assert finished.calls() == TARGETS
    undisturbed.collect()
    tables = [numbers((each.root / METRICS).read_bytes()) for each in (finished, undisturbed)]
    assert tables[0] == tables[1]
