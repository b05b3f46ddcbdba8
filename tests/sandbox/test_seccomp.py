"""The filter of system calls, run by a small interpreter of its instructions, does what the sandbox relies on."""

import errno
import re
import struct
from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.sandbox.seccomp import _CLONE, _CLONE3, _FCNTL, _REFUSED, system_call_filter

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
EPERM, ENOSYS = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
CLONE_VM, CLONE_THREAD = 0x100, 0x10000

# By the kernel's tables, on x86-64 and aarch64.
REFUSED = {
    "fork": (57, None), "vfork": (58, None), "socket": (41, 198), "socketpair": (53, 199), "ptrace": (101, 117),
    "process_vm_writev": (311, 271), "memfd_create": (319, 279), "shmget": (29, 194), "mount": (165, 40),
    "unshare": (272, 97), "setns": (308, 268), "chmod": (90, None), "fchmodat": (268, 53), "bpf": (321, 280),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_setup": (206, 0), "vmsplice": (278, 75),
    "splice": (275, 76), "tee": (276, 77), "syslog": (103, 116), "inotify_init1": (294, 26), "seccomp": (317, 277),
    "personality": (135, 92),
}  # fmt: skip
ALLOWED = {
    "read": (0, 63), "write": (1, 64), "mmap": (9, 222), "munmap": (11, 215), "futex": (202, 98), "openat": (257, 56),
    "close": (3, 57), "exit": (60, 93), "exit_group": (231, 94), "prctl": (157, 167), "sched_yield": (24, 124),
    "sched_setaffinity": (203, 122), "madvise": (28, 233), "getrandom": (318, 278), "pipe2": (293, 59),
}  # fmt: skip
CLONE, CLONE3, FCNTL = (56, 220), (435, 435), (72, 25)
HEADERS = {"x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h"}

machines = pytest.mark.parametrize("machine", ARCHITECTURE)


def instructions(machine: str) -> list[tuple[int, int, int, int]]:
    """(code, jump if true, jump if false, constant) of each."""
    return list(struct.iter_unpack("<HBBI", system_call_filter(machine)))


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter returns for a call: its accumulator and its position are all its state."""
    arguments = (*arguments, *[0] * (6 - len(arguments)))
    architecture = ARCHITECTURE[machine] if architecture is None else architecture
    data = struct.pack("<IIQ6Q", number, architecture, 0x7F0000001234, *arguments)
    program = instructions(machine)
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, constant = program[position]
        position += 1
        match code:
            case 0x20:  # BPF_LD | BPF_W | BPF_ABS
                (accumulator,) = struct.unpack_from("<I", data, constant)
            case 0x06:  # BPF_RET | BPF_K
                return constant
            case 0x15 | 0x35 | 0x45:  # BPF_JMP | BPF_JEQ, BPF_JGE, BPF_JSET, with BPF_K
                holds = {
                    0x15: accumulator == constant,
                    0x35: accumulator >= constant,
                    0x45: bool(accumulator & constant),
                }[code]
                position += if_true if holds else if_false
            case _:
                pytest.fail(f"an instruction {code:#x}")


def numbers(table: dict[str, tuple[int | None, int | None]], machine: str) -> dict[str, int]:
    column = list(ARCHITECTURE).index(machine)
    return {name: number for name, row in table.items() if (number := row[column]) is not None}


@machines
def test_what_is_refused(machine: str) -> None:
    got = {name: verdict(machine, number) for name, number in numbers(REFUSED, machine).items()}
    assert got == dict.fromkeys(got, EPERM)


@machines
def test_what_is_allowed(machine: str) -> None:
    got = {name: verdict(machine, number) for name, number in numbers(ALLOWED, machine).items()}
    assert got == dict.fromkeys(got, ALLOW)


@machines
def test_clone_makes_threads_and_nothing_else(machine: str) -> None:
    number = numbers({"clone": CLONE}, machine)["clone"]
    assert verdict(machine, number, CLONE_VM | CLONE_THREAD) == ALLOW
    assert verdict(machine, number, CLONE_VM) == EPERM
    assert verdict(machine, number, 17) == EPERM, "SIGCHLD, as fork does"
    assert verdict(machine, number, CLONE_THREAD << 32, CLONE_THREAD) == EPERM, "flags elsewhere do not count"


@machines
def test_libc_is_told_that_there_is_no_clone3(machine: str) -> None:
    assert verdict(machine, numbers({"clone3": CLONE3}, machine)["clone3"], CLONE_THREAD) == ENOSYS


@machines
def test_fcntl_does_not_lock_ranges_or_make_pipes_larger(machine: str) -> None:
    number = numbers({"fcntl": FCNTL}, machine)["fcntl"]
    for command in (0, 1, 2, 3, 4, 5, 1030):  # duplicate, get and set flags, ask for a lock, duplicate and close
        assert verdict(machine, number, 7, command) == ALLOW
    for command in (6, 7, 37, 38, 1024, 1026, 1031):
        assert verdict(machine, number, 7, command) == EPERM
        assert verdict(machine, number, 7, command | 1 << 32) == EPERM, "the kernel does not look at the upper half"


@pytest.mark.parametrize("call", [0, 1, 41, 57, 520, 0x3FFFFFFF])
def test_the_second_set_of_numbers_of_x86_64_is_refused(call: int) -> None:
    assert verdict("x86_64", 0x40000000 | call) == EPERM


@machines
def test_another_architecture_is_killed(machine: str) -> None:
    others = {I386, 0, *ARCHITECTURE.values()} - {ARCHITECTURE[machine]}
    assert {verdict(machine, 1, architecture=other) for other in others} == {KILL}


@machines
def test_the_program_is_one_that_the_kernel_takes(machine: str) -> None:
    program = instructions(machine)
    assert len(program) <= 4096, "BPF_MAXINSNS"
    assert len(system_call_filter(machine)) <= 4096, "what the smallest pipe holds before anybody reads from it"
    for position, (code, if_true, if_false, constant) in enumerate(program):
        if code & 7 == 5:  # BPF_JMP
            assert position + 1 + max(if_true, if_false) < len(program)
        elif code & 7 == 0:  # BPF_LD
            assert constant % 4 == 0
            assert constant < 64
    assert program[-1][0] == 0x06


@machines
def test_no_call_is_refused_by_mistake(machine: str) -> None:
    """The numbers are those of the kernel's own headers, for every call that those know."""
    if not Path(HEADERS[machine]).exists():
        missing = f"no {HEADERS[machine]} (apt-get install linux-libc-dev)"
        pytest.skip(f"{missing}: THE NUMBERS OF SYSTEM CALLS ARE NOT CHECKED")
    text = Path(HEADERS[machine]).read_text(encoding="utf-8")
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)}
    ours = numbers(_REFUSED | {"clone": _CLONE, "clone3": _CLONE3, "fcntl": _FCNTL}, machine)
    theirs = {name: known.get(name, number) for name, number in ours.items()}
    assert ours == theirs
    assert len(set(ours.values())) == len(ours)
    assert len(known.keys() & ours.keys()) > 50


def test_another_machine_is_an_error() -> None:
    with pytest.raises(PrunebenchError, match=r"not run on riscv64: .* x86_64 and aarch64 only"):
        system_call_filter("riscv64")
