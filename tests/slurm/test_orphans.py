import os
from pathlib import Path

import pytest

from prunebench.slurm.orphans import SLURM_LOGS, end_orphans

UUID = "423e3688-bdde-43c2-9875-255225d9baf8"


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where a run has used Slurm; its squeue lists the file `queue`, its scancel notes the jobs and empties
    it."""
    (tmp_path / SLURM_LOGS).mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name, script in (
        ("squeue", f"cat {tmp_path}/queue"),
        ("scancel", f"echo $@ > {tmp_path}/cancelled; : > {tmp_path}/queue"),
    ):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_only_jobs_of_runs_in_this_folder_are_cancelled(commands: Path) -> None:
    (commands / "queue").write_text(
        f"1|prunebench_{UUID}|{commands}\n2|{UUID}|{commands}\n3|prunebench_{UUID}|{commands}/elsewhere\n"
        f"4|interactive|{commands}\n5|my_job|/\n"
        f"6|my-own-bench_{UUID}|{commands}\n"
    )
    said: list[str] = []
    assert end_orphans(said.append)
    assert (commands / "cancelled").read_text() == "1 2 6\n"
    assert "cancelling 3 job(s)" in said[0]


def test_jobs_of_a_run_on_another_host_are_told_of_and_left_alone(commands: Path) -> None:
    (commands / "queue").write_text(f"1|{UUID}|{commands}\n2|{UUID}|{commands}\n")
    said: list[str] = []
    assert not end_orphans(said.append, "login-2")
    assert not (commands / "cancelled").exists()
    (sentence,) = said
    assert "2 job(s) of a run started on login-2 may still be at work in this folder" in sentence
    assert sentence.endswith("if that run is dead, end them with: scancel 1 2")
    (commands / "queue").write_text("")
    assert end_orphans(pytest.fail, "login-2")


def test_an_empty_queue_is_not_worth_a_word(commands: Path) -> None:
    (commands / "queue").write_text("")
    said: list[str] = []
    assert end_orphans(said.append)
    assert said == []
    assert not (commands / "cancelled").exists()


def test_where_no_run_has_used_slurm_nothing_is_asked(commands: Path) -> None:
    (commands / SLURM_LOGS).rmdir()
    (commands / "queue").write_text(f"1|prunebench_{UUID}|{commands}\n")
    end_orphans(lambda text: None)
    assert not (commands / "cancelled").exists()


def test_if_slurm_does_not_answer_the_run_says_so_and_goes_on(commands: Path) -> None:
    (commands / "bin" / "squeue").write_text("#!/bin/sh\nexit 1\n")
    said: list[str] = []
    assert not end_orphans(said.append)
    assert "Slurm does not say" in said[0]


def test_a_folder_from_a_cluster_works_on_a_machine_without_slurm(
    commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert not end_orphans(pytest.fail)
