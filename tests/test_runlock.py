import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.runlock import hold_run_lock

HOST = os.uname().nodename
HOLD = """
import sys, time
from pathlib import Path
from prunebench.runlock import hold_run_lock
hold_run_lock(print, Path(sys.argv[1]))
subprocess = __import__("subprocess").Popen(["sleep", "60"])  # a job, which outlives a killed run
print(subprocess.pid, flush=True)
time.sleep(60)
"""


def test_a_second_run_is_refused_while_the_first_lives_and_let_in_once_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    orphan = int(holder.stdout.readline())
    try:
        with pytest.raises(PrunebenchError, match=rf"process {holder.pid} on {HOST}\) is working in this"):
            hold_run_lock(pytest.fail, path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert hold_run_lock(pytest.fail, path).other_host is None
        assert path.read_text() == f"process {os.getpid()} on {HOST}"
    finally:
        holder.kill()
        subprocess.run(["kill", str(orphan)], check=False)
        holder.stdout.close()


def test_runs_in_different_directories_do_not_meet(tmp_path: Path) -> None:
    assert hold_run_lock(pytest.fail, tmp_path / "a").held
    assert hold_run_lock(pytest.fail, tmp_path / "b").held


def test_where_no_lock_can_be_had_that_is_told_and_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    said: list[str] = []
    assert not hold_run_lock(said.append, tmp_path / "lock").held
    (sentence,) = said
    assert "no lock can be had" in sentence
    assert "(No locks available): see to it that no other run is at work" in sentence


def test_a_run_on_another_host_is_remembered_until_it_is_known_to_be_over(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("process 12 on login-2")
    for _ in range(2):  # as long as nobody says that it is over
        lock = hold_run_lock(pytest.fail, path)
        assert lock.other_host == "login-2"
        assert path.read_text() == f"process {os.getpid()} on {HOST} after a run on login-2"
        assert lock.descriptor is not None
        os.close(lock.descriptor)
    lock = hold_run_lock(pytest.fail, path)
    lock.forget_other_host()
    assert path.read_text() == f"process {os.getpid()} on {HOST}"
