"""A filter of system calls, assembled for `bwrap --seccomp`: no new processes, no sockets, no unwatched memory.

Namespaces already keep the network, other processes and files away. The filter adds what they do not: not one
process more than the interpreter (resource limits do not bind root), no change of modes or owners (the machine's
device nodes are root's, in a namespace too), none of the kernel's rarely used doors, and none of the calls that
take memory which counts neither as address space nor as resident: shared segments and files without a name,
pages lent to a pipe, rings and contexts of asynchronous reads, queues, watches, locks on ranges of a file.

Memory that the kernel keeps for what remains is bounded by other limits: pipes, timers and events by the open
files and pending signals of a process, the file system by its size and the number of its files.
"""

import platform
import struct

from prunebench.errors import PrunebenchError

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets in struct seccomp_data, little-endian; the kernel, too, looks at the lower halves of these arguments only.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x10000
_X32 = 0x40000000  # x86-64 numbers from here on are the same calls under other numbers

_MACHINES = ("x86_64", "aarch64")  # the order of the columns below
_AUDIT_ARCHITECTURE = (0xC000003E, 0xC00000B7)
# clone makes threads and processes; clone3 hides its flags in memory, and libc falls back to clone without it.
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_FCNTL = (72, 25)
_REFUSED_FCNTL = {
    "F_SETLK": 6, "F_SETLKW": 7, "F_OFD_SETLK": 37, "F_OFD_SETLKW": 38, "F_SETLEASE": 1024, "F_NOTIFY": 1026,
    "F_SETPIPE_SZ": 1031,
}  # fmt: skip
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # processes, and what one does to another
    "fork": (57, None), "vfork": (58, None), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    # the network
    "socket": (41, 198), "socketpair": (53, 199),
    # memory that is neither address space nor resident
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190),
    "msgget": (68, 186), "mq_open": (240, 180), "vmsplice": (278, 75), "splice": (275, 76), "tee": (276, 77),
    "io_setup": (206, 0), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "fanotify_init": (300, 262), "mlock": (149, 228),
    "mlock2": (325, 284), "mlockall": (151, 230), "landlock_create_ruleset": (444, 444),
    # file systems
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "open_tree": (428, 428), "open_tree_attr": (467, 467), "move_mount": (429, 429), "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "fchmodat2": (452, 452), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    # the kernel's doors
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280), "seccomp": (317, 277),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "syslog": (103, 116), "personality": (135, 92),
    "modify_ldt": (154, None), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "swapon": (167, 224), "swapoff": (168, 225),
    "quotactl": (179, 60), "quotactl_fd": (443, 443),
}  # fmt: skip


def system_call_filter(machine: str = platform.machine()) -> bytes:
    """The filter as an array of `struct sock_filter`.

    Raises:
        PrunebenchError: the machine's system calls are not known here.
    """
    if machine not in _MACHINES:
        raise PrunebenchError(
            f"methods that no person wrote are not run on {machine}: the sandbox knows the system calls of "
            f"{' and '.join(_MACHINES)} only"
        )
    column = _MACHINES.index(machine)
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, _AUDIT_ARCHITECTURE[column], skip=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += _refuse(_AT_LEAST, _X32, _EPERM)
    program += _refuse(_EQUAL, _CLONE3[column], _ENOSYS)
    for numbers in _REFUSED.values():
        if (number := numbers[column]) is not None:
            program += _refuse(_EQUAL, number, _EPERM)
    commands = [step for command in _REFUSED_FCNTL.values() for step in _refuse(_EQUAL, command, _EPERM)]
    program += [
        _step(_EQUAL, _CLONE[column], skip_if_not=4),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_ANY_BIT, _CLONE_THREAD, skip=1),
        _step(_RETURN, _ERRNO | _EPERM),
        _step(_RETURN, _ALLOW),
        _step(_EQUAL, _FCNTL[column], skip_if_not=1 + len(commands)),
        _step(_LOAD, _SECOND_ARGUMENT),
        *commands,
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(program)


def _refuse(comparison: int, number: int, error: int) -> list[bytes]:
    return [_step(comparison, number, skip_if_not=1), _step(_RETURN, _ERRNO | error)]


def _step(code: int, value: int, skip: int = 0, skip_if_not: int = 0) -> bytes:
    return struct.pack("<HBBI", code, skip, skip_if_not, value)
