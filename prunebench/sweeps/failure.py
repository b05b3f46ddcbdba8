"""The stand-in for the patch of a cell that could not be pruned: Snakemake wants the file, readers the reason."""

import json
from pathlib import Path

from safetensors import serialize

from prunebench.files import replacing
from prunebench.results.records import Status


def save_failure_patch(path: Path, status: Status, reason: str) -> None:
    """Write a safetensors file without tensors whose metadata says why."""
    about = json.dumps({"format": "prunebench-failure", "status": status, "reason": reason}, sort_keys=True)
    with replacing(path) as temporary:
        temporary.write_bytes(serialize({}, {"prunebench": about}))
