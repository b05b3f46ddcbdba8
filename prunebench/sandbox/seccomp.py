"""A filter of system calls, assembled for `bwrap --seccomp`: no new processes, no sockets, no unwatched memory.

Namespaces already keep the network, other processes and files away. The filter adds what they do not: not one
process more than the interpreter (resource limits do not bind root), no memory that belongs to no process's
resident set, no change of modes or owners (the machine's device nodes are root's, in a namespace too), and
none of the kernel's rarely used doors.
"""

import platform
import struct

from prunebench.errors import PrunebenchError

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x10000
_X32 = 0x40000000  # x86-64 numbers from here on are the same calls under other numbers

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# clone makes threads and processes; clone3 hides its flags in memory, and libc falls back to clone without it.
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_REFUSED: dict[str, dict[str, int]] = {
    "x86_64": {
        "fork": 57, "vfork": 58, "socket": 41, "socketpair": 53, "ptrace": 101, "process_vm_readv": 310,
        "process_vm_writev": 311, "pidfd_open": 434, "pidfd_getfd": 438, "memfd_create": 319, "memfd_secret": 447,
        "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240, "mount": 165, "umount2": 166, "pivot_root": 155,
        "chroot": 161, "unshare": 272, "setns": 308, "fsopen": 430, "open_tree": 428, "move_mount": 429,
        "open_by_handle_at": 304, "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426,
        "chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "fchown": 93, "lchown": 94,
        "fchownat": 260, "io_uring_register": 427, "init_module": 175, "finit_module": 313, "kexec_load": 246,
    },
    "aarch64": {
        "socket": 198, "socketpair": 199, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271,
        "pidfd_open": 434, "pidfd_getfd": 438, "memfd_create": 279, "memfd_secret": 447, "shmget": 194,
        "semget": 190, "msgget": 186, "mq_open": 180, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51,
        "unshare": 97, "setns": 268, "fsopen": 430, "open_tree": 428, "move_mount": 429, "open_by_handle_at": 265,
        "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "init_module": 105,
        "fchmod": 52, "fchmodat": 53, "fchmodat2": 452, "fchownat": 54, "fchown": 55,
        "finit_module": 273, "kexec_load": 104,
    },
}  # fmt: skip


def system_call_filter(machine: str = platform.machine()) -> bytes:
    """The filter as an array of `struct sock_filter`.

    Raises:
        PrunebenchError: the machine's system calls are not known here.
    """
    if machine not in _REFUSED:
        raise PrunebenchError(
            f"methods that no person wrote are not run on {machine}: the sandbox knows the system calls of "
            f"{' and '.join(_REFUSED)} only"
        )
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, _AUDIT_ARCHITECTURE[machine], skip=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += _refuse(_AT_LEAST, _X32, _EPERM)
    program += _refuse(_EQUAL, _CLONE3, _ENOSYS)
    for number in _REFUSED[machine].values():
        program += _refuse(_EQUAL, number, _EPERM)
    program += [
        _step(_EQUAL, _CLONE[machine], skip_if_not=3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_ANY_BIT, _CLONE_THREAD, skip=1),
        _step(_RETURN, _ERRNO | _EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(program)


def _refuse(comparison: int, number: int, error: int) -> list[bytes]:
    return [_step(comparison, number, skip_if_not=1), _step(_RETURN, _ERRNO | error)]


def _step(code: int, value: int, skip: int = 0, skip_if_not: int = 0) -> bytes:
    return struct.pack("<HBBI", code, skip, skip_if_not, value)
