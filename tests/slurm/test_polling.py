import asyncio
import sys
import threading
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest

from prunebench.errors import PrunebenchError
from prunebench.slurm.polling import GRACE_SECONDS, MENDED_VERSION, PatientQuery, mend_plugin, wait_for_controller
from tests.workflow.project import ROOT


class Logger:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


class Slurm:
    """Stands for Slurm's answers and for the clock, which a test cannot wait for."""

    def __init__(self) -> None:
        self.now, self.states = 1000.0, dict[str, str]()
        self.answers = True
        self.logger = Logger()
        self.reachable = False
        self.query = PatientQuery(self.ask, lambda: self.reachable, lambda: self.now)

    async def ask(self, command: str, logger: Any) -> tuple[dict[str, str] | None, float | None]:
        return (self.states, 0.1) if self.answers else (None, None)

    def look(self) -> dict[str, str]:
        return asyncio.run(self.query("squeue", self.logger))[0]


def test_without_an_answer_no_job_has_a_state_and_the_run_says_that_it_waits() -> None:
    slurm = Slurm()
    slurm.query.expect(["1"])
    slurm.answers = False
    assert slurm.look() == {}
    slurm.now += 30
    assert slurm.look() == {}
    assert len(slurm.logger.warnings) == 1
    assert "Slurm does not answer" in slurm.logger.warnings[0]
    slurm.now += 3600  # however long: a job is not given up for that
    assert slurm.look() == {}
    slurm.answers, slurm.states = True, {"1": "RUNNING"}
    assert slurm.look() == {"1": "RUNNING"}
    assert slurm.logger.warnings[-1] == "Slurm answers again, after 3630 s"


def test_a_job_that_slurm_no_longer_lists_is_given_up_after_a_while() -> None:
    slurm = Slurm()
    slurm.query.expect(["1", "2"])
    slurm.states = {"2": "RUNNING"}
    assert slurm.look() == {"2": "RUNNING"}
    slurm.now += GRACE_SECONDS
    assert slurm.look() == {"2": "RUNNING"}
    slurm.now += 1
    assert slurm.look() == {"1": "FAILED", "2": "RUNNING"}
    assert slurm.logger.warnings == ["Slurm no longer knows job 1; it counts as failed"]


def test_a_job_that_comes_late_into_the_list_is_not_given_up() -> None:
    slurm = Slurm()
    slurm.query.expect(["1"])
    slurm.look()
    slurm.now += GRACE_SECONDS
    slurm.states = {"1": "PENDING"}
    assert slurm.look() == {"1": "PENDING"}
    slurm.now += 1
    slurm.states = {}
    assert slurm.look() == {}  # missing anew, so its time begins anew


def test_while_slurm_is_silent_no_job_is_missing() -> None:
    slurm = Slurm()
    slurm.query.expect(["1"])
    slurm.look()
    slurm.answers = False
    slurm.now += GRACE_SECONDS
    slurm.look()
    slurm.answers = True
    slurm.now += 1
    assert slurm.look() == {}  # a controller that has just come back may not know all its jobs yet


@pytest.mark.parametrize(
    ("state", "taken_for"),
    [("CANCELLED by 0", "CANCELLED"), ("CANCELLED by 1000", "CANCELLED"), ("PREEMPTED", "FAILED")],
)
def test_a_state_is_one_that_the_plugin_knows(state: str, taken_for: str) -> None:
    slurm = Slurm()
    slurm.states = {"1": state}
    assert slurm.look() == {"1": taken_for}


def test_a_query_that_cannot_work_ends_the_run_with_a_sentence() -> None:
    slurm = Slurm()
    slurm.answers, slurm.reachable = False, True
    assert slurm.look() == {}
    slurm.now += GRACE_SECONDS + 1
    with pytest.raises(PrunebenchError, match=r"not to `squeue`.*slurm-status-command"):
        slurm.look()


def test_a_submission_waits_for_the_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunebench.slurm.polling._PING_SECONDS", 0)
    answers, said = iter([False, False, True]), list[str]()
    assert wait_for_controller(said.append, threading.Event(), lambda: next(answers))
    assert next(answers, None) is None
    assert len(said) == 1


def test_a_run_that_is_cancelled_submits_no_more() -> None:
    cancelled = threading.Event()
    assert not wait_for_controller(lambda text: cancelled.set(), cancelled, lambda: False)


def test_another_version_of_the_plugin_is_left_alone_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = SimpleNamespace(query_job_status=print)
    monkeypatch.setitem(sys.modules, "snakemake_executor_plugin_slurm", plugin)
    monkeypatch.setattr("prunebench.slurm.polling.version", lambda package: "2.9.0")
    said: list[str] = []
    mend_plugin(said.append)
    assert plugin.query_job_status is print
    assert "2.9.0 is not 2.8.0" in said[0]


def test_the_wrapped_plugin_waits_submits_and_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    import snakemake_executor_plugin_slurm as real

    did: list[object] = []

    class Executor:
        logger = Logger()

        async def check_active_jobs(self, active_jobs: list[Any]) -> Any:
            did.append(await plugin.query_job_status("squeue", self.logger))
            for job in active_jobs:
                yield job

        def run_job(self, job: Any) -> None:
            did.append(job)

        def cancel(self) -> None:
            did.append("cancel")

    async def silent(command: str, logger: Any) -> tuple[None, None]:
        return None, None

    assert {name for name in vars(Executor) if not name.startswith("_")} - {"logger"} <= set(dir(real.Executor))
    plugin = SimpleNamespace(query_job_status=silent, Executor=Executor)
    monkeypatch.setitem(sys.modules, "snakemake_executor_plugin_slurm", plugin)
    monkeypatch.setattr("prunebench.slurm.polling.controller_answers", lambda: True)
    mend_plugin(lambda text: pytest.fail(text))
    mend_plugin(lambda text: pytest.fail(text))  # a second time changes nothing

    async def look(jobs: list[Any]) -> list[Any]:
        return [job async for job in executor.check_active_jobs(jobs)]

    executor: Any = Executor()
    job = SimpleNamespace(external_jobid="7")
    assert asyncio.run(look([job])) == [job]
    executor.run_job("first")
    executor.cancel()
    executor.run_job("second")
    assert did == [({}, 0.0), "first", "cancel"]


def test_the_plugin_of_the_lock_file_is_the_one_that_is_mended() -> None:
    package = "snakemake-executor-plugin-slurm"
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if line.startswith(f"{package}==")] == [f"{package}=={MENDED_VERSION}"]
    assert version(package) == MENDED_VERSION
