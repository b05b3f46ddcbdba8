"""A method that does, for each value of `mode`, one thing it must not be able to do. Run in the sandbox only."""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import torch

METHOD = {
    "title": "Hostile",
    "family": "test",
    "origin": "llm",
    "patterns": ["unstructured"],
    "group": "row",
    "params": {"mode": "good", "where": ""},
}
libc = ctypes.CDLL(None, use_errno=True)


def score(weight, inputs, mode, where, note):
    result = globals()[mode](weight, where)
    if isinstance(result, dict):  # what it could see and do, for the test to look at
        for key, value in result.items():
            note(json.dumps([key, value]))
        return weight.abs()
    return result


def good(weight, where):
    return weight.abs()


def attempt(action):
    """What `action` returned, or the exception it raised."""
    try:
        return str(action())
    except BaseException as error:
        return f"refused {type(error).__name__}"


def append(path):
    with open(path, "a") as file:
        return file.write("mine")


def environment(weight, where):
    everything = json.dumps(dict(os.environ))
    for process in Path("/proc").glob("[0-9]*"):
        everything += attempt(lambda process=process: (process / "environ").read_bytes())
    return {"secret": where in everything, "names": sorted(os.environ)}


def network(weight, where):
    port = int(where)
    connected = attempt(lambda: socket.create_connection(("127.0.0.1", port), 2))
    numbers = {"x86_64": 41, "aarch64": 198}
    raw = libc.syscall(numbers[os.uname().machine], 2, 1, 0)  # past Python and libc
    return {"connected": connected, "raw": raw, "pair": attempt(socket.socketpair)}


def write(weight, where):
    outcomes = {}
    for number, path in enumerate(where.split("|")):
        outcomes[f"write {number}"] = attempt(lambda path=path: append(path))
        outcomes[f"delete {number}"] = attempt(lambda path=path: os.unlink(path))
    for path in (__file__, sys.executable, torch.__file__, "/dev/shm/x", "/x"):
        outcomes[path[-50:]] = attempt(lambda path=path: append(path))
    # Opened and not written to: where this test fails, the machine is to be none the worse.
    outcomes["kernel"] = attempt(lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)))
    for path in ("/dev/null", "/proc/sys/kernel/core_pattern", "/sys/devices/system/cpu"):
        outcomes[f"chmod {path}"] = attempt(lambda path=path: os.chmod(path, os.stat(path).st_mode & 0o7777))
    outcomes["device still there"] = attempt(lambda: append("/dev/null"))
    outcomes["scratch"] = attempt(lambda: append("/tmp/mine"))
    return outcomes


def links(weight, where):
    os.symlink(where, "/tmp/link")
    return {
        "through a link": attempt(lambda: open("/tmp/link").read()),
        "write through a link": attempt(lambda: open("/tmp/link", "w").write("x")),
        "hard link": attempt(lambda: os.link(__file__, "/tmp/method.py")),
        "root of init": attempt(lambda: os.listdir("/proc/1/root" + os.path.dirname(where))),
        "cwd of init": attempt(lambda: os.listdir("/proc/1/cwd/../.." + os.path.dirname(where))),
        "mount": libc.mount(b"/tmp", b"/tmp", None, 4096, None),
        "chroot": attempt(lambda: os.chroot("/tmp")),
    }


def parent(weight, where):
    pid = int(where)
    return {
        "processes": sorted(int(entry.name) for entry in Path("/proc").glob("[0-9]*")),
        "its command": attempt(lambda: Path(f"/proc/{pid}/cmdline").read_text()),
        "its memory": attempt(lambda: open(f"/proc/{pid}/mem", "rb").read(1)),
        "kill": attempt(lambda: os.kill(pid, signal.SIGKILL)),
        "kill group": attempt(lambda: os.killpg(pid, signal.SIGKILL)),
        "ptrace": libc.ptrace(16, pid, None, None),
        "own parent": attempt(lambda: os.kill(os.getppid(), signal.SIGSTOP)),
    }


def internals(weight, where):
    import prunebench.files
    import prunebench.sandbox.remote as remote

    return {
        "sandbox": attempt(lambda: remote.RemoteFunction(Path(__file__), "score", remote.Policy())),
        "written": attempt(lambda: prunebench.files.write_text(Path(where), "x")),
        "results": attempt(lambda: os.listdir("results")),
        "modules": str("prunebench.sweeps.worker" in sys.modules),
    }


def fill_disk(weight, where):
    written = 0
    try:
        for number in range(10_000):
            with open(f"/tmp/{number}", "wb") as file:
                for _ in range(64):
                    written += file.write(bytes(1 << 20))
    except OSError:
        pass
    return {"megabytes": written >> 20}


def many_files(weight, where):
    number = 0
    while True:
        os.close(os.open(f"/tmp/{number}", os.O_CREAT))
        number += 1


def many_files_and_undumpable(weight, where):
    assert libc.prctl(4, 0, 0, 0, 0) == 0  # PR_SET_DUMPABLE: what is in /proc of it belongs to root now
    many_files(weight, where)


def ends_its_main_thread(weight, where):
    """What is left of the process looks, from outside, as if it used no memory and had no files."""
    numbers = {"x86_64": 60, "aarch64": 93}
    threading.Thread(target=time.sleep, args=(1000,)).start()
    libc.syscall(numbers[os.uname().machine], 0)


def refusal(number, *arguments):
    """The error of a system call by its numbers on x86-64 and aarch64, 0 if it succeeds."""
    failed = libc.syscall(number[os.uname().machine == "aarch64"], *arguments) == -1
    return {"error": ctypes.get_errno() if failed else 0}


def lends_pages_to_a_pipe(weight, where):
    class Piece(ctypes.Structure):
        _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    page = mmap.mmap(-1, mmap.PAGESIZE)
    piece = Piece(ctypes.addressof(ctypes.c_char.from_buffer(page)), mmap.PAGESIZE)
    _, end = os.pipe()
    return refusal((278, 75), end, ctypes.byref(piece), 1, 0)  # vmsplice


def opens_an_asynchronous_context(weight, where):
    return refusal((206, 0), 100, ctypes.byref(ctypes.c_ulong()))  # io_setup


def locks_ranges_of_a_file(weight, where):
    with open("/tmp/locked", "w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
        except OSError as error:
            return {"error": error.errno}
    return {"error": 0}


def fork_bomb(weight, where):
    program = [sys.executable, "-c", ""]
    spawn = attempt(lambda: os.posix_spawn(program[0], program, {}))
    return {"forks": [attempt(os.fork) for _ in range(3)], "spawn": spawn}


def vfork_in_c(weight, where):
    numbers = {"x86_64": 56, "aarch64": 220}
    return {"clone": [libc.syscall(numbers[os.uname().machine], 17, 0, 0, 0, 0) for _ in range(3)]}


def thread_bomb(weight, where):
    while True:
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()


def daemon(weight, where):
    """Goes on in a thread after the call has returned."""

    def beat():
        while True:
            Path("/tmp/beat").write_text("x")
            sys.stderr.write(f"BEAT {where}\n")
            time.sleep(0.05)

    threading.Thread(target=beat).start()
    return {"fork": attempt(os.fork), "setsid": attempt(os.setsid)}


def memory(weight, where):
    hoard = []
    while True:
        hoard.append(torch.ones(1 << 22))


def one_huge_tensor(weight, where):
    return torch.empty(1 << 40)


def recursion(weight, where):
    return recursion(weight, where)


def loop(weight, where):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def loop_in_c(weight, where):
    import re

    return re.match("(a*)*b", "a" * 60)


def catch_everything(weight, where):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(100)


def chatter(weight, where):
    line = "\x1b[31m" + "x" * 5000 + "\n"
    for _ in range(20_000):
        sys.stdout.write(line)
    return weight.abs()


def raises(weight, where):
    raise ValueError("it does not\nfit \x1b[31m<b>")


def quits(weight, where):
    os._exit(0)


def crashes(weight, where):
    ctypes.string_at(0)


def wrong_shape(weight, where):
    return weight.abs()[:, :-1]


def huge(weight, where):
    return torch.zeros(1).expand(1 << 14, 1 << 12)


def nothing(weight, where):
    return None


def not_a_number(weight, where):
    return weight * float("nan")


def declines(weight, where):
    from prunebench.errors import NotApplicable

    raise NotApplicable("not this one")


def truth_values(weight, where):
    return weight > 64


def infinite(weight, where):
    return weight.abs().masked_fill(weight == 1, float("inf"))


def complex_numbers(weight, where):
    return weight + 1j


def pickled(weight, where):
    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {where}",)

    return Bomb()
