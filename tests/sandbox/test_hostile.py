"""Hostile methods: the damage they try to do is not done, the status is right, and the next call works."""

import errno
import json
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from prunebench.sandbox.confinement import sandbox_command
from prunebench.sandbox.remote import RemoteFunction
from tests.bwrap import needs_sandbox
from tests.sandbox.conftest import LIMITS, Call, check_failure, check_timeout

METHOD = "hostile_method.py"
pytestmark = needs_sandbox


def seen(call: Call, mode: str, where: Any = "") -> dict[str, Any]:
    """What the method says it saw and did."""
    return dict(json.loads(note) for note in call(mode, where)[1])


def refused(outcome: Any) -> bool:
    return str(outcome).startswith("refused") or outcome == -1


def test_the_environment_has_no_secrets(hostile: RemoteFunction, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile.close()  # so that the next process is started with the secret around
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    found = seen(call, "environment", "hunter2")
    assert not found["secret"]
    assert "PATH" not in found["names"]


def test_nothing_can_be_connected_to(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        with socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()  # the listener does hear those who can reach it
        found = seen(call, "network", listener.getsockname()[1])
        with pytest.raises(TimeoutError):
            listener.accept()
    assert all(map(refused, found.values())), found


def test_nothing_outside_scratch_can_be_written_or_deleted(hostile: RemoteFunction, call: Call, tmp_path: Path) -> None:
    results = tmp_path / "results" / "metrics.csv"
    results.parent.mkdir()
    method = hostile._path
    mine = Path.home() / ".prunebench-sandbox-test"
    files = {results: b"kept", method: method.read_bytes(), mine: b"kept"}
    results.write_bytes(b"kept")
    mine.write_bytes(b"kept")
    try:
        found = seen(call, "write", "|".join(map(str, files)))
        assert (found.pop("scratch"), found.pop("device still there")) == ("4", "4")
        assert all(map(refused, found.values())), found
        assert {path: path.read_bytes() for path in files} == files
        assert not Path("/tmp/mine").exists(), "its scratch is its own"
    finally:
        mine.unlink()


def test_links_lead_nowhere(call: Call, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept")
    found = seen(call, "links", secret)
    assert all(map(refused, found.values())), found
    assert secret.read_text() == "kept"


def test_a_data_file_that_is_a_link_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("")
    (tmp_path / "m.json").write_text("{}")
    (tmp_path / "m.key").symlink_to("/etc/hostname")
    shown = " ".join(sandbox_command(tmp_path / "m.py", 1, 3))
    assert "/method/m.json" in shown
    assert "m.key" not in shown


def test_the_parent_cannot_be_seen_killed_or_traced(call: Call) -> None:
    found = seen(call, "parent", os.getpid())
    assert max(found.pop("processes")) < 10
    assert found.pop("own parent") == "None"  # bubblewrap's own process in there, which ignores it
    assert all(map(refused, found.values())), found


def test_the_package_inside_gives_no_hold_on_the_one_outside(call: Call, tmp_path: Path) -> None:
    target = tmp_path / "x"
    found = seen(call, "internals", target)
    assert refused(found["sandbox"]), "it starts no sandbox of its own"
    assert refused(found["results"])
    assert found["modules"] == "False"
    assert not target.exists(), "what it may write, it writes to its own file system"


def test_the_disk_is_not_filled(call: Call) -> None:
    assert seen(call, "fill_disk")["megabytes"] <= LIMITS.scratch_mb


def test_no_process_is_started(call: Call) -> None:
    found = seen(call, "fork_bomb")
    assert all(map(refused, [*found["forks"], found["spawn"]])), found
    assert seen(call, "vfork_in_c")["clone"] == [-1, -1, -1]


@pytest.mark.parametrize("mode", ["lends_pages_to_a_pipe", "opens_an_asynchronous_context", "locks_ranges_of_a_file"])
def test_no_memory_is_taken_that_the_watch_does_not_see(call: Call, mode: str) -> None:
    assert seen(call, mode) == {"error": errno.EPERM}


def test_hidden_from_its_parent_it_is_watched_all_the_same(call: Call, tmp_path: Path) -> None:
    check_failure(call, "many_files_and_undumpable", tmp_path / "mark", "error", "files in the sandbox")


def test_a_daemon_does_not_outlive_its_call_by_long(
    hostile: RemoteFunction, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    found = seen(call, "daemon", "alive")
    assert refused(found["fork"])
    assert hostile._process is not None
    family = psutil.Process(hostile._process._process.pid).children(recursive=True)
    assert len(family) >= 2
    hostile.close()
    gone, alive = psutil.wait_procs(family, timeout=5)
    assert (len(gone), alive) == (len(family), [])


# mode: status or error, part of the reason
FAILURES: dict[str, tuple[str, str]] = {
    "ends_its_main_thread": ("error", "ended its main thread"),
    "many_files": ("error", "files in the sandbox"),
    "thread_bomb": ("error|oom", ""),
    "memory": ("oom", ""),
    "one_huge_tensor": ("oom", "can't allocate memory"),
    "recursion": ("error", "RecursionError"),
    "raises": ("error", "ValueError: it does not fit ?[31m<b> (hostile.py:"),
    "quits": ("error", "exited with status 0"),
    "crashes": ("error", "signal 11, SIGSEGV"),
    "declines": ("error", "says that it does not apply: not this one"),
    "truth_values": ("rejected", "returned a saliency of torch.bool, which is no floating-point type"),
    "infinite": ("rejected", "the saliency has 1 infinite of 128"),
    "complex_numbers": ("rejected", "the saliency is of torch.complex64"),
    "wrong_shape": ("rejected", "returned a saliency (8, 15) where (8, 16) is expected"),
    "huge": ("rejected", "returned a saliency (16384, 4096)"),
    "nothing": ("rejected", "a NoneType was returned"),
    "pickled": ("rejected", "a Bomb was returned"),
}


@pytest.mark.parametrize("mode", FAILURES)
def test_it_fails_with_the_right_status(call: Call, tmp_path: Path, mode: str) -> None:
    check_failure(call, mode, tmp_path / "mark", *FAILURES[mode])


@pytest.mark.parametrize("mode", ["loop", "loop_in_c", "catch_everything"])
def test_it_ends_when_its_time_is_over(hostile_file: Path, mode: str) -> None:
    check_timeout(hostile_file, mode)


def test_gigabytes_of_output_are_cut(call: Call, capfd: pytest.CaptureFixture[str]) -> None:
    call("chatter")
    printed = capfd.readouterr().err
    assert len(printed) < 1 << 17
    assert "\x1b" not in printed


def test_an_interrupt_in_the_middle_of_a_call_leaves_a_function_that_works(hostile: RemoteFunction, call: Call) -> None:
    main = threading.get_ident()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if the tests run in the background
    try:
        threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            call("catch_everything")
    finally:
        signal.signal(signal.SIGINT, before)
    assert hostile._process is None


def test_nan_is_for_the_selection_to_find(call: Call) -> None:
    assert call("not_a_number")[0].isnan().all()
