"""The processors that a run may use, looked at without torch: the Snakefile asks."""

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

_DEVICES = Path("/dev")
_CPU_INFO = Path("/proc/cpuinfo")


def count_gpus(devices: Path = _DEVICES) -> int:
    """How many of the GPUs that there are `CUDA_VISIBLE_DEVICES` leaves, all of them if it is not set."""
    there = sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in devices.glob("nvidia*"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return there
    names = [name.strip() for name in visible.split(",")]
    # CUDA looks no further than the first that is none: -1, nothing, a number too high.
    none = (name in ("", "-1") or (name.isdecimal() and int(name) >= there) for name in names)
    return min(next((place for place, is_none in enumerate(none) if is_none), len(names)), there)


@functools.cache
def gpu_name() -> str:
    """What nvidia-smi calls this machine's first GPU; empty where it lists none."""
    if shutil.which("nvidia-smi") is None:
        return ""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip().partition("\n")[0].strip() if result.returncode == 0 else ""


@functools.cache
def multiplies_bfloat16(cpu_info: Path = _CPU_INFO) -> bool:
    """Whether the CPU has instructions for products of bfloat16 numbers, as far as Linux tells."""
    try:
        return re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", cpu_info.read_text(errors="replace")) is not None
    except OSError:
        return False
