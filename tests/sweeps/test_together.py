"""Two jobs at work on the same cells compute each once, and a disk that refuses is nobody's method's fault."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prunebench.errors import PrunebenchError, StorageError
from prunebench.results.records import EvaluationRecord, PruneRecord, load_record
from tests.mounts import grow, read_only, small_disk
from tests.sweeps.project import GOOD, LOG, Project
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SLOW = GOOD.replace("    return weight.abs()", "    import time\n    time.sleep(0.3)\n    return weight.abs()")
CODE = """
import json, sys
from pathlib import Path
from prunebench.sweeps import jobs
name, log, *arguments = json.loads(sys.argv[1])
getattr(jobs, name)(*arguments, Path(log))
"""


def start(project: Project, name: str, log: str, *arguments: Any) -> subprocess.Popen[bytes]:
    about = json.dumps([name, log, project.config, project.sweep().path, *arguments])
    return subprocess.Popen([sys.executable, "-c", CODE, about])


def computed(*logs: str) -> list[str]:
    lines = [line for log in logs for line in Path(log).read_text().splitlines()]
    return sorted(line.split("] good ")[1].split(":")[0] for line in lines if ": ok" in line)


def test_two_jobs_on_the_same_cells_compute_each_once(project: Project) -> None:
    project.method("good", SLOW)
    one = start(project, "prune_sweep", "one.log", ["u50", "u60"])
    wait_until(lambda: project.calls == ["u50"], "u50 is begun")
    two = start(project, "prune_sweep", "two.log", ["u60", "u50", "u70"])
    assert (one.wait(), two.wait()) == (0, 0)
    assert sorted(project.calls) == ["u50", "u60", "u70"]
    assert (
        f"waiting for process {one.pid} on {os.uname().nodename}, which makes the same" in Path("two.log").read_text()
    )
    assert computed("one.log") == ["u50", "u60"]
    assert computed("two.log") == ["u70"]

    three, four = (start(project, "evaluate_sweep", f"{n}.log", "perplexity", ["u50", "u60", "u70"]) for n in "34")
    assert (three.wait(), four.wait()) == (0, 0)
    assert computed("3.log", "4.log") == ["u50", "u60", "u70"]
    assert not list(Path("results").rglob(".*")), "locks stay behind"


def test_jobs_on_other_cells_of_a_sweep_do_not_wait(project: Project) -> None:
    project.method("good", SLOW.replace("time.sleep(0.3)", "time.sleep(0.3 if target.token == 'u60' else 30)"))
    one = start(project, "prune_sweep", "one.log", ["u50"])
    wait_until(lambda: project.calls == ["u50"], "u50 is begun")
    project.prune("u60")
    assert one.poll() is None
    one.kill()
    one.wait()
    assert project.calls == ["u50", "u60"]


def test_the_lock_of_a_killed_job_means_nothing(project: Project) -> None:
    project.method("good", SLOW.replace("0.3", "0.3 if pathlib.Path('go').exists() else 60").replace(
        "import time\n", "import time, pathlib\n"))  # fmt: skip
    job = start(project, "prune_sweep", "one.log", ["u50"])
    wait_until(lambda: project.calls == ["u50"], "u50 is begun")
    job.send_signal(signal.SIGKILL)
    job.wait()
    lock = project.sweep().prune_record("u50").with_name(".u50.json.lock")
    assert str(job.pid) in lock.read_text()
    Path("go").touch()
    project.prune("u50")
    assert "waiting" not in LOG.read_text()
    assert not lock.exists()


def test_a_full_disk_fails_the_job_in_one_sentence_and_with_room_the_rest_is_computed(project: Project) -> None:
    pruned = Path("results/pruned")
    with small_disk(pruned, "20k"):  # a page of 4 kB for each file and folder
        with pytest.raises(PrunebenchError, match=r"written \(No space left on device\); free space") as stopped:
            project.prune("u50", "u60", "u70")
        assert "results/pruned/" in str(stopped.value)
        first = project.calls
        done = [target for target in ("u50", "u60", "u70") if project.sweep().prune_record(target).exists()]
        assert len(done) < 3
        assert all(load_record(project.sweep().prune_record(t), PruneRecord).status == "ok" for t in done)  # type: ignore[union-attr]
        grow(pruned, "10m")
        project.prune("u50", "u60", "u70")
        assert [call for call in project.calls[len(first) :] if call in done] == []
        assert not list(pruned.rglob(".*"))


def test_a_read_only_folder_is_told_of_before_anything_is_computed(project: Project) -> None:
    project.prune("u50")
    with read_only(Path("results")):
        with pytest.raises(StorageError, match=r"cannot be written \(Read-only file system\); make its file system"):
            project.prune("u50", "u60")
        project.prune("u50")  # what is there needs no writing
    assert project.calls == ["u50"]
    project.prune("u50", "u60")
    assert project.calls == ["u50", "u60"]


def test_a_disk_that_fills_up_under_a_method_is_no_status_of_its_cell(project: Project) -> None:
    writes = "    import pathlib\n    pathlib.Path('results/file').write_bytes(bytes(10**6))\n"
    project.method("good", GOOD.replace("    return weight.abs()", writes + "    return weight.abs()"))
    Path("results").rename("saved")
    with small_disk(Path("results"), "800k"):
        shutil.copytree("saved", "results", dirs_exist_ok=True)
        with pytest.raises(PrunebenchError, match=r"results cannot be written \(No space left on device\)"):
            project.prune("u50")
        assert not project.sweep().prune_record("u50").exists()
        grow(Path("results"), "4m")
        project.prune("u50")
        record = load_record(project.sweep().prune_record("u50"), PruneRecord)
    assert record is not None
    assert record.status == "ok"


def test_an_edited_record_is_computed_again_and_the_log_says_why(project: Project) -> None:
    project.prune("u50")
    project.evaluate("u50")
    path = project.sweep().evaluation_record("u50", "perplexity")
    sound = load_record(path, EvaluationRecord)
    path.write_text(path.read_text().replace('"value": ', '"value": 1'))
    project.evaluate("u50")
    again = load_record(path, EvaluationRecord)
    assert sound is not None
    assert again is not None
    assert again.measurements == sound.measurements
    assert f"{path} is not what was written: it is cut off or was changed; it is made again" in LOG.read_text()


@pytest.mark.parametrize("what", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_flipped_bit_in_the_model_makes_no_numbers(project: Project, what: str) -> None:
    path = Path("results/assets/models/tiny") / what
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Exception, match=rf"{what} has another sha256 than when it was made; run prunebench"):
        project.prune("u50")
    assert project.calls == []


def test_a_method_edited_while_it_works_leaves_no_record_of_the_old_one(project: Project) -> None:
    edits = "    import pathlib\n    file = pathlib.Path('methods/good.py')\n"
    edits += "    file.write_text(file.read_text().replace('weight.abs()', 'weight'))\n"
    project.method("good", GOOD.replace("    return weight.abs()", edits + "    return weight.abs()"))
    with pytest.raises(PrunebenchError, match=r"u50 is not kept: its method changed while it was computed"):
        project.prune("u50", "u60")
    assert not project.sweep().prune_record("u50").exists()
    project.method("good", GOOD)
    project.prune("u50", "u60")
    assert set(project.calls) == {"u50", "u60"}
