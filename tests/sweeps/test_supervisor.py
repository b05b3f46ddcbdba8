"""A worker that fails in any way costs the cell it was at, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from prunebench.errors import PrunebenchError
from prunebench.slurm.allocation import Allocation
from prunebench.sweeps.joblog import JobLog
from prunebench.sweeps.supervisor import Limits, Outcome, Supervisor, judge_death

SCRIPT = Path(__file__).with_name("scripted_worker.py")
COMMAND = (sys.executable, str(SCRIPT))

NO_LIMITS = Limits()


class Bench:
    """Runs scripted cells; `computed` is what workers were really asked to do, as (pid, action)."""

    def __init__(self, folder: Path) -> None:
        self.log = JobLog(folder / "job.log")
        self.count = folder / "count"

    def run(self, actions: Sequence[str], limits: Limits = NO_LIMITS, **setup: str) -> list[Outcome]:
        setup = {"count": str(self.count), **setup}
        with Supervisor(setup, self.log, limits, command=COMMAND) as supervisor:
            return list(supervisor.run([{"do": action} for action in actions]))

    @property
    def computed(self) -> list[tuple[int, str]]:
        lines = self.count.read_text().splitlines() if self.count.exists() else []
        return [(int(pid), action) for pid, action in (line.split(" ", 1) for line in lines)]

    @property
    def text(self) -> str:
        return self.log.path.read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def test_one_worker_takes_all_cells_that_do_not_fail(bench: Bench) -> None:
    outcomes = bench.run(["ok", "print", "ok", "read stdin", "na", "ok"])
    assert statuses(outcomes) == ["ok", "ok", "ok", "ok", "na", "ok"]
    assert len({pid for pid, _ in bench.computed}) == 1


def test_no_worker_is_started_for_nothing(bench: Bench) -> None:
    assert bench.run([], start="die") == []


def test_what_is_printed_is_logged_and_never_taken_for_a_reply(bench: Bench) -> None:
    (outcome,) = bench.run(["print"])
    assert outcome.reply["result"] == "print"
    for text in ("forged", "garbage", "rejected", "from a shell"):
        assert text in bench.text


@pytest.mark.parametrize(
    ("action", "status", "reason"),
    [
        ("SystemExit", "error", "SystemExit: leaving (scripted_worker.py:"),
        ("KeyboardInterrupt", "error", "KeyboardInterrupt (scripted_worker.py:"),
        ("GeneratorExit", "error", "GeneratorExit (scripted_worker.py:"),
        ("ValueError", "error", "ValueError: two lines (scripted_worker.py:"),
        ("unprintable", "error", "Unprintable: <exception str() failed> (scripted_worker.py:"),
        ("recurse", "error", "RecursionError: maximum recursion depth exceeded"),
        ("replace streams", "error", "ValueError: streams are gone"),
        ("no such file", "error", "FileNotFoundError: [Errno 2] No such file or directory: 'x.json'"),
        ("full disk", "error", "OSError: [Errno 28] No space left on device (scripted_worker.py:"),
        ("surrogate", "error", "ValueError: cut ? off (scripted_worker.py:"),
        ("runtime", "error", "RuntimeError: shapes do not fit"),
        ("prunebench", "error", "a clear sentence"),
        ("MemoryError", "oom", "MemoryError (scripted_worker.py:"),
        ("allocator", "oom", "RuntimeError: DefaultCPUAllocator: can't allocate memory"),
        ("cuda", "oom", "RuntimeError: CUDA out of memory"),
        ("contract", "rejected", "wrong sparsity"),
        ("na", "na", "no biases here"),
        ("exit 3", "error", "the process exited with status 3"),
        ("segfault", "error", "the process was killed by signal 11, SIGSEGV"),
        ("abort", "error", "the process was killed by signal 6, SIGABRT"),
        ("kill 9", "oom", "killed by signal 9, most likely out of memory"),
        ("close everything", "error", "the process exited with status"),
    ],
)
def test_each_failure_gets_its_status_and_reason_and_the_next_cell_is_fine(
    bench: Bench, action: str, status: str, reason: str
) -> None:
    bad, good = bench.run([action, "ok"])
    assert bad.status == status
    assert bad.reason.partition(reason)[:2] == ("", reason)
    assert "\n" not in bad.reason
    assert good.status == "ok"
    assert [what for _, what in bench.computed] == [action, "ok"]


def test_results_are_stored_where_they_belong_though_the_method_went_elsewhere(bench: Bench) -> None:
    outcomes = bench.run(["go elsewhere", "ok"])
    assert [outcome.reply["folder"] for outcome in outcomes] == [os.getcwd()] * 2


def test_the_reason_of_a_native_crash_is_the_same_every_time(bench: Bench) -> None:
    silent, speaking = bench.run(["segfault", "print and abort"])
    assert silent.reason == "the process was killed by signal 11, SIGSEGV"
    assert speaking.reason == "the process was killed by signal 6, SIGABRT: index out of bounds"


def test_every_reason_can_be_written(bench: Bench) -> None:
    (outcome,) = bench.run(["surrogate"])
    bench.log.line(outcome.reason)
    assert outcome.reason in bench.text


def test_a_traceback_is_in_the_log(bench: Bench) -> None:
    bench.run(["ValueError"])
    assert "Traceback (most recent call last)" in bench.text
    assert "two\nlines" in bench.text


@pytest.mark.parametrize(
    ("action", "shared"),
    [("ValueError", False), ("MemoryError", False), ("spoil", False), ("contract", True), ("na", True)],
)
def test_a_worker_in_which_something_broke_gets_no_further_cell(bench: Bench, action: str, shared: bool) -> None:
    bench.run([action, "ok", "ok"])
    first, second, third = [pid for pid, _ in bench.computed]
    assert (first == second) == shared
    assert second == third


@pytest.mark.parametrize("action", ["hang", "hang ignoring signals", "hang in a child", "hang in a detached child"])
def test_a_cell_that_takes_too_long_is_killed_with_all_its_processes(bench: Bench, action: str) -> None:
    before = {process.pid for process in psutil.process_iter()}
    bad, good = bench.run([action, "ok"], Limits(seconds=1.5))
    assert bad.status == "timeout"
    assert bad.reason == "took longer than limits.cell_minutes = 0.025"
    assert 1.5 <= bad.seconds < 5
    assert good.status == "ok"
    assert _descendants_since(before) == []


@pytest.mark.parametrize("action", ["allocate", "allocate in a child"])
def test_a_cell_that_takes_too_much_memory_is_killed(bench: Bench, action: str) -> None:
    bad, good = bench.run([action, "ok"], Limits(memory_bytes=300e6))
    assert bad.status == "oom"
    assert bad.reason.startswith("reached 0.")
    assert bad.reason.endswith("GB of memory, more than limits.memory_gb = 0.3")
    assert 300e6 < bad.peak_host_bytes < 3e9
    assert good.status == "ok"


def test_the_peak_is_of_the_cell_and_not_of_the_one_before(bench: Bench) -> None:
    spike, after = bench.run(["spike", "ok"])
    assert spike.peak_host_bytes > 300e6
    assert after.peak_host_bytes < 150e6


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells pages of files apart")
def test_pages_of_a_mapped_file_count_neither_for_the_peak_nor_for_the_limit(bench: Bench) -> None:
    (outcome,) = bench.run(["map a file"], Limits(memory_bytes=300e6))
    assert outcome.status == "ok"
    assert 0 < outcome.peak_host_bytes < 150e6


def test_the_reason_of_a_cell_without_memory_ends_with_its_peak(bench: Bench) -> None:
    on_host, on_device = bench.run(["spike and MemoryError", "device"])
    assert on_host.reason.endswith("; peak 0.3 GB of memory")
    assert on_device.reason.endswith("; peak 12.3 GB on the device")
    assert on_device.reply["peak_device_bytes"] == 12_300_000_000


def test_a_forked_child_that_comes_back_does_not_answer(bench: Bench) -> None:
    outcomes = bench.run(["fork", "ok", "ok"])
    assert statuses(outcomes) == ["ok"] * 3
    assert [outcome.reply["result"] for outcome in outcomes] == ["fork", "ok", "ok"]


def test_a_worker_that_dies_between_cells_costs_no_cell(bench: Bench) -> None:
    with Supervisor({"count": str(bench.count)}, bench.log, Limits(), command=COMMAND) as supervisor:
        outcomes = supervisor.run([{"do": "end later"}, {"do": "ok"}])
        assert next(outcomes).status == "ok"
        time.sleep(1)
        assert next(outcomes).status == "ok"


@pytest.mark.parametrize(
    ("actions", "setup", "message"),
    [
        (["ok"], {"start": "raise"}, "the model is missing; fetch it"),
        (["ok"], {"start": "die"}, "exited with status 7 before it was ready: bye"),
        (["infrastructure"], {}, "the patch is damaged"),
    ],
)
def test_trouble_that_is_no_methods_fails_the_job(
    bench: Bench, actions: list[str], setup: dict[str, str], message: str
) -> None:
    with pytest.raises(PrunebenchError, match=message):
        bench.run(actions, **setup)


def test_a_disk_that_is_full_when_the_result_is_stored_fails_the_job(bench: Bench) -> None:
    with (
        Supervisor({"count": str(bench.count)}, bench.log, Limits(), command=COMMAND) as supervisor,
        pytest.raises(PrunebenchError, match="No space left on device"),
    ):
        list(supervisor.run([{"do": "ok", "keep": "full disk"}]))


def test_a_memory_limit_below_what_loading_takes_is_a_mistake_of_the_config(bench: Bench) -> None:
    with pytest.raises(PrunebenchError, match=r"before its first cell; raise limits\.memory_gb"):
        bench.run(["ok"], Limits(memory_bytes=200e6), start="allocate")


def test_a_worker_that_cannot_be_imported_fails_the_job(bench: Bench) -> None:
    command = (sys.executable, "-c", "import no_such_module")
    with (
        Supervisor({}, bench.log, Limits(), command=command) as supervisor,
        pytest.raises(PrunebenchError, match="No module named 'no_such_module'"),
    ):
        list(supervisor.run([{"do": "ok"}]))


def test_leaving_the_block_early_ends_the_worker(bench: Bench) -> None:
    with Supervisor({"count": str(bench.count)}, bench.log, Limits(), command=COMMAND) as supervisor:
        next(supervisor.run([{"do": "ok"}, {"do": "hang"}]))
        pid = supervisor.ready["pid"]
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_worker_dies_with_its_parent_even_in_mid_cell(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from prunebench.sweeps.joblog import JobLog\nfrom prunebench.sweeps.supervisor import Limits, Supervisor\n"
        f"supervisor = Supervisor({{'count': {str(tmp_path / 'count')!r}}}, JobLog(Path({str(tmp_path / 'log')!r})), "
        f"Limits(), command={COMMAND!r})\n"
        "list(supervisor.run([{'do': 'hang ignoring signals'}]))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        worker = int(_wait_for(lambda: (tmp_path / "count").read_text().split(" ")[0]))
        parent.send_signal(number)
    _wait_for(lambda: _is_gone(worker) or None)


@pytest.mark.parametrize("returncode", [-64, -40, 255])
def test_any_way_to_die_can_be_described(returncode: int) -> None:
    status, reason = judge_death(returncode, "last words")
    assert status == "error"
    assert str(abs(returncode)) in reason
    assert reason.endswith(": last words")


def _wait_for(value: Callable[[], object], seconds: float = 15) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if (found := value()) not in (None, ""):
                return str(found)
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def _is_gone(pid: int) -> bool:
    # Where nobody reaps orphans a killed one stays as a zombie.
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def _descendants_since(before: set[int]) -> list[psutil.Process]:
    """Processes of this user started meanwhile that sleep as the scripted children do."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        if process.pid in before or process.pid == os.getpid() or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        command = " ".join(process.info["cmdline"] or [])
        if "time.sleep(600)" in command or SCRIPT.name in command:
            found.append(process)
    return found


@pytest.fixture
def allocated(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Limits]:
    """Makes the limits of a job under Slurm whose allocation of some seconds began some seconds ago."""
    monkeypatch.setattr("prunebench.slurm.allocation._LEAST_MARGIN", 0.1)

    def limits(seconds: float, begun: float = 0.0, last: bool = True) -> Limits:
        start = time.time() - begun
        return Limits(allocation=Allocation(start, start + seconds, last))

    return limits


def test_a_cell_that_had_most_of_the_last_allocation_and_did_not_end_is_a_timeout(
    bench: Bench, allocated: Callable[..., Limits]
) -> None:
    with Supervisor({"count": str(bench.count)}, bench.log, allocated(6), command=COMMAND) as supervisor:
        outcomes = supervisor.run([{"do": "ok"}, {"do": "hang"}, {"do": "ok"}])
        assert next(outcomes).status == "ok"
        outcome = next(outcomes)
        assert outcome.status == "timeout"
        assert "Slurm gave its job" in outcome.reason
        with pytest.raises(PrunebenchError, match="its next attempt goes on"):
            next(outcomes)
    assert [action for _, action in bench.computed] == ["ok", "hang"]


@pytest.mark.parametrize(("begun", "last"), [(56, True), (0, False)], ids=["begun late", "more time to come"])
def test_otherwise_it_is_left_to_the_next_attempt(
    bench: Bench, allocated: Callable[..., Limits], begun: float, last: bool
) -> None:
    limits = allocated(begun + 4, begun, last)
    with Supervisor({"count": str(bench.count)}, bench.log, limits, command=COMMAND) as supervisor:
        outcomes = supervisor.run([{"do": "hang"}])
        with pytest.raises(PrunebenchError, match="cells it has finished are kept"):
            next(outcomes)
