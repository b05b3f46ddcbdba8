import asyncio
from importlib.metadata import version
from typing import Any

import pytest

from prunebench.slurm.polling import GRACE_SECONDS, MENDED_VERSION, PatientQuery, wait_for_controller
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
        self.query = PatientQuery(self.ask, lambda: self.now)

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


@pytest.mark.parametrize("state", ["CANCELLED by 0", "CANCELLED by 1000"])
def test_a_state_is_its_first_word(state: str) -> None:
    slurm = Slurm()
    slurm.states = {"1": state}
    assert slurm.look() == {"1": "CANCELLED"}


def test_a_submission_waits_for_the_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunebench.slurm.polling._PING_SECONDS", 0)
    answers, said = iter([False, False, True]), list[str]()
    wait_for_controller(said.append, lambda: next(answers))
    assert next(answers, None) is None
    assert len(said) == 1


def test_the_plugin_of_the_lock_file_is_the_one_that_is_mended() -> None:
    package = "snakemake-executor-plugin-slurm"
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if line.startswith(f"{package}==")] == [f"{package}=={MENDED_VERSION}"]
    assert version(package) == MENDED_VERSION


def test_the_names_that_are_wrapped_exist() -> None:
    import snakemake_executor_plugin_slurm as plugin

    assert callable(plugin.query_job_status)
    assert callable(plugin.Executor.check_active_jobs)
    assert callable(plugin.Executor.run_job)
