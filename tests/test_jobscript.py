import subprocess
import sys
from pathlib import Path

SCRIPT = """
import logging, sys, warnings
from prunebench.errors import PrunebenchError
from prunebench.jobscript import job

with job(sys.argv[1]):
    logging.getLogger("x").info("begun")
    warnings.warn("mind the gap")
    {action}
"""


def run(tmp_path: Path, action: str) -> tuple[int, str, str]:
    log = tmp_path / "job.log"
    command = [sys.executable, "-c", SCRIPT.format(action=action), str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, log.read_text()


def test_messages_and_warnings_go_to_the_log_and_not_to_the_terminal(tmp_path: Path) -> None:
    code, said, logged = run(tmp_path, "pass")
    assert (code, said) == (0, "")
    assert "begun" in logged
    assert "mind the gap" in logged


def test_an_error_for_people_is_one_line_on_the_terminal_and_in_the_log(tmp_path: Path) -> None:
    code, said, logged = run(tmp_path, "raise PrunebenchError('the wheel is not there')")
    assert (code, said) == (1, "error: the wheel is not there\n")
    assert "the wheel is not there" in logged
    assert "Traceback" not in logged


def test_an_unexpected_error_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    code, _, logged = run(tmp_path, "raise KeyError('surprise')")
    assert code == 1
    assert "Traceback" in logged
    assert "surprise" in logged


def test_a_read_only_disk_under_a_library_is_one_line_too(tmp_path: Path) -> None:
    code, said, _ = run(tmp_path, "raise OSError(30, 'Read-only file system', '/data/file')")
    assert code == 1
    assert said == (
        "error: /data/file cannot be written (Read-only file system); make its file system writable and run again: "
        "what is finished is kept\n"
    )
