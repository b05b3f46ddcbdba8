"""A real small grid through a real Slurm."""

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.project import SlurmProject
from tests.workflow.project import Project

pytestmark = pytest.mark.slow


def test_the_cluster_gives_the_numbers_of_a_local_run(project: SlurmProject, cluster: Cluster) -> None:
    project.config.update(models=["tiny-opt"], methods=["wanda"], targets=["u50", "n2m4"])
    local = Project.opened(project.root.parent / "local", project.config)
    project.copy_to(local.root)
    project.run()
    assert "3 cells: 3 ok" in project.said()
    assert "Tiny OPT" in (project.root / "reports" / "leaderboard.html").read_text()

    # The model was trained twice: like everything else, that gives the same bits on both ways.
    local.snakemake("results/metrics.csv")
    assert project.rows() == SlurmProject.rows(local)

    submitted = [cluster.of_job(job) for job in cluster.jobs()]
    assert [job["TresPerJob"] for job in submitted if "TresPerJob" in job] == ["gres:gpu:1"] * 4
    (train,) = (job for job in submitted if "TresPerJob" not in job)  # on the CPU
    assert train["TimeLimit"] == "01:00:00"
    for job in submitted:
        assert job["JobName"].startswith("prunebench_")
        assert "cpu=1," in job["TRES"]
        assert job["Partition"] == "main"


def test_a_cell_that_outlasts_its_allocation_is_a_row(project: SlurmProject) -> None:
    project.config.update(
        methods=["slow"], targets=["u01", "u99"], limits={"cell_minutes": 60, "memory_gb": None, "job_minutes": 1}
    )
    project.run()
    assert "3 cells: 2 ok, 1 timeout" in project.said()
    assert project.calls() == ["u01", "u99"]  # once each: what is finished is not begun again
    status, reason = project.status("slow", "u99")
    assert status == "timeout"
    assert "within the 1 minutes that Slurm gave its job" in reason
    assert "that Slurm gave its job" in (project.root / "reports" / "leaderboard.html").read_text()


def test_several_sweeps_share_an_allocation_one_after_another_also_where_gpus_are_asked_for_with_gres(
    project: SlurmProject, cluster: Cluster
) -> None:
    project.config.update(methods=["magnitude", "wanda"], share_allocation=True)
    before = set(cluster.jobs())
    resources = ["--default-resources", "gres=gpu:1", "runtime=60", "mem_mb=8000"]  # in place of the profile's
    project.run(*resources, "--group-components", "sweep=3", "--", "results/metrics.csv")
    assert "3 cells: 3 ok" in project.said()

    (job,) = (cluster.of_job(job) for job in cluster.jobs() if job not in before)
    assert job["TresPerNode"] == "gres:gpu:1"
    hours, minutes, _ = map(int, job["TimeLimit"].split(":"))
    assert hours * 60 + minutes >= 6 * 11  # three are pruned, three evaluated
