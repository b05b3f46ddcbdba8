import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.runlock import hold_run_lock

HOLD = """
import sys, time
from pathlib import Path
from prunebench.runlock import hold_run_lock
hold_run_lock(Path(sys.argv[1]))
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
        with pytest.raises(PrunebenchError, match=rf"process {holder.pid}\) is working in this directory"):
            hold_run_lock(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        hold_run_lock(path)
        assert path.read_text() == str(os.getpid())
    finally:
        holder.kill()
        subprocess.run(["kill", str(orphan)], check=False)
        holder.stdout.close()


def test_runs_in_different_directories_do_not_meet(tmp_path: Path) -> None:
    hold_run_lock(tmp_path / "a")
    hold_run_lock(tmp_path / "b")
