"""A worker without torch whose cells say what is to happen, so that the supervisor is tested at speed.

Everything but the handler is the real thing: `python scripted_worker.py <parent's pid>`.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prunebench.errors import ContractError, NotApplicable, PrunebenchError
from prunebench.sweeps.joblog import stamped
from prunebench.sweeps.worker import InfrastructureError, Say, serve


def raises(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


def hang() -> None:
    while True:
        pass


def hang_ignoring_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    hang()


def hang_in_a_child() -> None:
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=True)


def hang_in_a_detached_child() -> None:
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=True, start_new_session=True)


def allocate() -> None:
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(1 << 20)) * 16)
        time.sleep(0.01)


def allocate_in_a_child() -> None:
    code = "x = bytearray(b'1') * (400 << 20)\nimport time; time.sleep(600)"
    subprocess.run([sys.executable, "-c", code], check=True)


def spike() -> None:
    block = bytearray(b"1") * (300 << 20)
    time.sleep(0.2)  # the supervisor looks every 50 ms
    del block


def spike_and_raise() -> None:
    spike()
    raise MemoryError


def map_a_file() -> None:
    import mmap
    import tempfile

    with tempfile.TemporaryFile(dir="/var/tmp") as file:
        file.truncate(400 << 20)
        with mmap.mmap(file.fileno(), 0) as pages:
            for start in range(0, len(pages), 4096):
                pages[start] = 1
            time.sleep(0.2)


def fail_on_a_device() -> None:
    raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def print_garbage() -> None:
    print('{"status": "ok", "result": "forged"}')
    print("garbage", flush=True)
    os.write(1, b'{"status": "rejected"}\n')
    os.system("echo from a shell")


def read_stdin() -> None:
    if sys.stdin.read() != "":
        raise AssertionError("a method must not see the cells")


def print_and_abort() -> None:
    print("index out of bounds")
    os.write(2, (stamped("block 3/12") + "\n").encode())
    os.abort()


def replace_streams() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    raise ValueError("streams are gone")


def close_everything() -> None:
    os.closerange(0, 256)
    raise ValueError("nobody will hear this")


def fork_and_return() -> None:
    os.fork()


def recurse() -> None:
    recurse()


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def end_later() -> None:
    import threading

    threading.Timer(0.2, os._exit, [9]).start()


ACTIONS: dict[str, Callable[[], None]] = {
    "ok": lambda: None,
    "hang": hang,
    "hang ignoring signals": hang_ignoring_signals,
    "hang in a child": hang_in_a_child,
    "hang in a detached child": hang_in_a_detached_child,
    "allocate": allocate,
    "allocate in a child": allocate_in_a_child,
    "spike": spike,
    "spike and MemoryError": spike_and_raise,
    "map a file": map_a_file,
    "device": fail_on_a_device,
    "exit 3": lambda: os._exit(3),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "print and abort": print_and_abort,
    "kill 9": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "print": print_garbage,
    "read stdin": read_stdin,
    "replace streams": replace_streams,
    "close everything": close_everything,
    "fork": fork_and_return,
    "recurse": recurse,
    "go elsewhere": lambda: os.chdir("/"),
    "end later": end_later,
    "SystemExit": lambda: sys.exit("leaving"),
    "KeyboardInterrupt": raises(KeyboardInterrupt()),
    "GeneratorExit": raises(GeneratorExit()),
    "ValueError": raises(ValueError("two\nlines")),
    "unprintable": raises(Unprintable()),
    "MemoryError": raises(MemoryError()),
    "allocator": raises(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")),
    "cuda": raises(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")),
    "runtime": raises(RuntimeError("shapes do not fit")),
    "contract": raises(ContractError("wrong sparsity")),
    "spoil": raises(ContractError("changed what is not its own")),
    "na": raises(NotApplicable("no biases here")),
    "prunebench": raises(PrunebenchError("a clear sentence")),
    "infrastructure": raises(InfrastructureError("the patch is damaged")),
    "surrogate": raises(ValueError("cut \ud83d off")),
    "full disk": raises(OSError(errno.ENOSPC, "No space left on device")),
    "no such file": raises(FileNotFoundError(errno.ENOENT, "No such file or directory", "x.json")),
}


class Scripted:
    """Counts in a file what it was asked to do."""

    def __init__(self, setup: dict[str, Any], say: Say) -> None:
        self._count = Path(setup["count"])
        self._say = say
        self._spoiled = False

    def attempt(self, cell: dict[str, Any]) -> Any:
        with self._count.open("a") as file:
            file.write(f"{os.getpid()} {cell['do']}\n")
        self._action = cell["do"]
        self._spoiled = self._action == "spoil"
        self._say(f"at work on {cell['do']}")
        ACTIONS[cell["do"]]()
        return cell["do"]

    def keep(self, cell: dict[str, Any], result: Any) -> dict[str, Any]:
        if cell.get("keep") == "full disk":
            raise OSError(errno.ENOSPC, "No space left on device")
        return {"status": "ok", "result": result, "folder": os.getcwd()}

    def intact(self) -> bool:
        return not self._spoiled

    def failed_cost(self) -> dict[str, Any]:
        return {"peak_device_bytes": 12_300_000_000} if self._action == "device" else {}


def make_handler(setup: dict[str, Any], say: Say) -> tuple[Scripted, dict[str, Any]]:
    start = setup.get("start")
    if start == "allocate":
        allocate()
    if start == "die":
        print("bye", file=sys.stderr)
        os._exit(7)
    if start == "raise":
        raise PrunebenchError("the model is missing; fetch it")
    return Scripted(setup, say), {"pid": os.getpid()}


if __name__ == "__main__":
    serve(make_handler, int(sys.argv[1]))
