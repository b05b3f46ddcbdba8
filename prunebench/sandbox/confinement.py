"""The command that starts an interpreter inside bubblewrap, and what of this machine it sees."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import torch

import prunebench
from prunebench.errors import PrunebenchError

PACKAGE = "/package"  # where the sandbox finds prunebench
METHOD = "/method"  # ... and the method's file with its data files

# Shared libraries and their index; and how many cores of what kind, which torch's arithmetic depends on.
_SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/nix/store", "/etc/ld.so.cache", "/sys/devices/system/cpu")
_PARTS_OF_PREFIX = ("bin", "lib", "lib64", "pyvenv.cfg")
_START = "import sys; sys.path[:0] = [{package!r}]; sys.path += {libraries!r}; {main}"
_MAIN = "from prunebench.sandbox.child import main; main()"
_INSTALL = "install it (Debian, Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap)"
_REMEDY = "and run `prunebench retry` to try this cell again"


def sandbox_command(method: Path, scratch_bytes: int, filter_fd: int) -> list[str]:
    """The command line; the process it starts reads from stdin and writes to stdout.

    Args:
        method: the method's file; data files beside it, `<name>.*`, are visible too.
        scratch_bytes: size of `/tmp`, the only place that can be written to.
        filter_fd: an open file with the filter of system calls.

    Raises:
        PrunebenchError: bubblewrap is not installed, or too old.
    """
    libraries = str(Path(torch.__file__).parents[1])  # may lie outside the prefix, in a user's own site-packages
    return [
        bubblewrap(),
        "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox",
        "--size", str(scratch_bytes), "--tmpfs", "/tmp",
        *_read_only({path: path for path in _SYSTEM}, "--ro-bind-try"),
        *_read_only({str(path): str(path) for path in _interpreter()}),
        *_read_only({libraries: libraries}),
        *_read_only({str(Path(prunebench.__file__).parent): f"{PACKAGE}/prunebench"}),
        *_read_only({str(file): f"{METHOD}/{file.name}" for file in _files_of(method)}),
        "--proc", "/proc", "--dev", "/dev",
        # Read-only even for root, who in a user namespace still owns what is below /proc/sys.
        "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/",
        "--chdir", "/tmp", "--seccomp", str(filter_fd), "--",
        sys.executable, "-s", "-P", "-B", "-c", _START.format(package=PACKAGE, libraries=[libraries], main=_MAIN),
    ]  # fmt: skip


@cache
def bubblewrap() -> str:
    """The path of `bwrap`.

    Raises:
        PrunebenchError: there is none, or one that cannot limit the size of a file system.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise PrunebenchError(f"methods that no person wrote run in bubblewrap, which is missing: {_INSTALL} {_REMEDY}")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in said.split()[-1].split(".")[:2]) if said.strip() else (0,)
    if version < (0, 7):
        raise PrunebenchError(
            f"{program} says {said.strip()!r}, and the sandbox needs bubblewrap 0.7 or newer: {_INSTALL} {_REMEDY}"
        )
    return program


def _interpreter() -> list[Path]:
    """The parts of the environment and of the Python it was made from that an import may need."""
    prefixes = dict.fromkeys([Path(sys.prefix), Path(sys.base_prefix)])
    parts = [prefix / part for prefix in prefixes for part in _PARTS_OF_PREFIX if (prefix / part).exists()]
    return [*parts, Path(sys.executable).resolve()]


def _files_of(method: Path) -> list[Path]:
    # A link beside the method could point at any file of the user's.
    data = [file for file in method.parent.glob(f"{method.stem}.*") if file.is_file() and not file.is_symlink()]
    return [method, *(file for file in sorted(data) if file != method)]


def _read_only(paths: dict[str, str], option: str = "--ro-bind") -> list[str]:
    return [word for source, destination in paths.items() for word in (option, source, destination)]
