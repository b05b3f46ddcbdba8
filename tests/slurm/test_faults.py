"""What happens to clusters: after each, nothing finished is lost, nothing is computed twice, no number is wrong."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.mounts import fill, small_disk
from tests.slurm.cluster import Cluster
from tests.slurm.project import Row, SlurmProject
from tests.waiting import wait_until
from tests.workflow.project import Project

pytestmark = pytest.mark.slow

TARGETS = ["u02", "u05", "u12"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> dict[Row, Row]:
    """The numbers of a local run in which nothing happens."""
    project = SlurmProject(tmp_path_factory.mktemp("undisturbed") / "project", cluster)
    project.config.update(methods=["slow"], targets=TARGETS, share_allocation=True)
    (project.root / "hurry").touch()
    Project.snakemake(project, "results/metrics.csv")
    return project.rows()


def check(project: SlurmProject, undisturbed: dict[Row, Row], again: set[str]) -> None:
    """All cells are there with the right numbers; only the targets `again`, cut off halfway, were begun twice."""
    rows = {key: row for key, row in project.rows().items() if key[1] != "failing"}
    assert rows == undisturbed
    assert (project.root / "reports" / "leaderboard.html").exists()
    begun = Counter(project.calls())
    assert {target for target, count in begun.items() if count > 1} <= again
    assert set(begun) == set(TARGETS)
    before = project.records()
    assert "Nothing to be done" in Project.snakemake(project)
    assert project.records() == before


def test_a_cluster_with_a_bad_day(project: SlurmProject, cluster: Cluster, undisturbed: dict[Row, Row]) -> None:
    project.config.update(methods=["slow", "failing"], targets=TARGETS, share_allocation=True, cells_per_job=1)
    before = set(cluster.jobs())
    run = project.start()

    # One job is cancelled in mid-run: it is tried again.
    run.wait_for_calls("u12")
    (victim,) = (job for job in cluster.jobs("RUNNING") if "u12" in cluster.of_job(job)["Comment"])
    cluster.ask("scancel", victim)

    # The node's daemon is restarted, and the node drained, which keeps new jobs away and lets running ones go on.
    cluster.restart_node()
    cluster.ask("scontrol", "update", "nodename=ALL", "state=drain", "reason=test")
    wait_until(lambda: project.calls().count("u12") == 2 or cluster.jobs("PENDING"), "the victim is submitted again")
    time.sleep(5)
    cluster.ask("scontrol", "update", "nodename=ALL", "state=resume")

    # The controller is away for 20 s while a job is running.
    wait_until(lambda: project.calls().count("u12") == 2, "the victim runs again")
    cluster.stop_controller()
    time.sleep(20)
    assert cluster.start() == ""

    said = run.finish()
    assert "Error in group sweep" in said  # the victim's
    assert "Slurm does not answer" in said or "Slurm takes no jobs" in said
    assert "7 cells: 3 error, 4 ok" in said
    check(project, undisturbed, again={"u12"})
    assert project.status("failing", "u12")[0] == "error"
    assert "on purpose" in (project.root / "reports" / "leaderboard.html").read_text()

    # A cell is pruned and evaluated in one job with one GPU; the second attempt was given twice the time.
    submitted = [cluster.of_job(job) for job in cluster.jobs() if job not in before]
    assert len(submitted) == 7 + 1
    assert [job["TresPerJob"] for job in submitted] == ["gres:gpu:1"] * 8
    assert minutes(submitted[-1]) == 2 * minutes(cluster.of_job(victim))


def minutes(job: dict[str, str]) -> int:
    hours, minutes, _ = job["TimeLimit"].split(":")
    return int(hours) * 60 + int(minutes)


def test_after_a_kill_the_jobs_left_in_the_queue_are_ended_and_the_bare_command_goes_on(
    project: SlurmProject, cluster: Cluster, undisturbed: dict[Row, Row]
) -> None:
    project.config.update(methods=["slow"], targets=TARGETS, share_allocation=True)
    run = project.start()
    wait_until(lambda: project.record("slow", "u02").exists(), "a cell of slow is finished")
    run.wait_for_calls("u05")
    run.kill()
    orphans = cluster.jobs("RUNNING")
    finished = project.records()
    assert orphans

    said = project.run()
    assert "4 cells: 4 ok" in said
    assert "job(s) that an earlier run in this folder left with Slurm" in said
    assert {path: digest for path, digest in project.records().items() if path in finished} == finished
    check(project, undisturbed, again={"u05", "u12"})


def test_a_full_disk_of_the_submitting_machine_ends_the_run_and_costs_no_finished_cell(
    tmp_path: Path, cluster: Cluster, undisturbed: dict[Row, Row]
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "64m"):
        project = SlurmProject(disk / "project", cluster)
        project.config.update(methods=["slow"], targets=TARGETS, share_allocation=True)
        run = project.start("--retries", "0")
        wait_until(lambda: project.record("slow", "u02").exists(), "a cell of slow is finished")
        ballast = fill(disk)
        run.process.wait(timeout=300)
        assert run.process.returncode != 0
        finished = project.records()
        assert finished

        ballast.unlink()
        assert "4 cells: 4 ok" in project.run()
        assert {path: digest for path, digest in project.records().items() if path in finished} == finished
        check(project, undisturbed, again={"u05", "u12"})
