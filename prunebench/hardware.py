"""The GPUs that a run may use, counted without torch: the Snakefile asks."""

import os
import re
from pathlib import Path

_DEVICES = Path("/dev")


def count_gpus(devices: Path = _DEVICES) -> int:
    """How many there are, or how many `CUDA_VISIBLE_DEVICES` leaves of them; 0 if none is known."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        # CUDA looks no further than the first that is none: -1, or nothing.
        return next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
    return sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in devices.glob("nvidia*"))
