"""What memory a cell takes, by the model's depth: with mapped weights the same for any (`python -m benchmarks.depth`).

Models with 4 and 16 blocks of one size and random weights; each cell (load, prune, verify, make the patch, apply it
to another copy, evaluate) runs in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers.utils import logging

from benchmarks.random_model import METHODS, Shape, random_llama
from prunebench.engine.determinism import reset_global_state
from prunebench.evaluate.perplexity import perplexity
from prunebench.evaluate.streaming import place
from prunebench.models.load import load_model
from prunebench.models.mapped import copy_model, scratch_folder
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.format import load_patch, save_patch
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.sweeps.memory import held_bytes
from prunebench.targets import Target

DEPTHS = (4, 16)
HIDDEN, INTERMEDIATE, HEADS = 1536, 4096, 12  # 28 million weights in a block, 57 MB in bfloat16
_POLL_SECONDS = 0.005
_ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print the table."""
    table = Table(
        "method", "weights", *(f"{depth} blocks: held, device" for depth in DEPTHS), "seconds",
        title=f"peak MB, blocks of {HIDDEN} x {INTERMEDIATE} in bfloat16",
    )  # fmt: skip
    with TemporaryDirectory(dir=scratch_folder()) as scratch:
        folders = {depth: write_model(Path(scratch) / str(depth), depth, HIDDEN, INTERMEDIATE) for depth in DEPTHS}
        for method in METHODS:
            for weights in ("memory", "mapped"):
                cells = [measured(folder, method, weights, "bfloat16") for folder in folders.values()]
                table.add_row(
                    method,
                    weights,
                    *(f"{cell['held'] / 1e6:.0f}, {cell['device'] / 1e6:.0f}" for cell in cells),
                    " ".join(f"{cell['seconds']:.0f}" for cell in cells),
                )
    Console().print(table)


def write_model(folder: Path, blocks: int, hidden: int, intermediate: int, dtype: str = "bfloat16") -> Path:
    """A checkpoint in a new folder."""
    logging.disable_progress_bar()
    shape = Shape(blocks, hidden, intermediate, HEADS, vocabulary=1000, positions=512)
    random_llama(shape, getattr(torch, dtype), torch.device("cpu"), mapped=False).save_pretrained(folder)
    return folder


def measured(folder: Path, method: str, weights: str, dtype: str) -> dict[str, Any]:
    """Peak bytes `held` on the host and allocated on the `device`, and the seconds, of one cell in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.depth", "--cell", str(folder), method, weights, dtype]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=_ROOT)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def cell(folder: Path, method_name: str, weights: str, dtype: str) -> dict[str, Any]:
    """The cell itself, in this process."""
    logging.disable_progress_bar()
    reset_global_state(0, torch.get_num_threads())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    mapped, started, peaks = weights == "mapped", time.perf_counter(), [0]
    ids = torch.randint(1000, (4, 128), generator=torch.Generator().manual_seed(0))
    with _watched(peaks), TemporaryDirectory() as scratch:
        dense = load_model(folder, dtype, mapped)
        method, target = load_method(method_name, [_ROOT / "methods"]), Target.parse(METHODS[method_name])
        pruned = prune_cell(dense, method, target, ids, device=device, mapped=mapped)
        path = Path(scratch) / "patch.safetensors"
        save_patch(path, make_patch(dense, pruned.model), {})
        del pruned
        model = copy_model(dense, mapped)
        apply_patch(model, load_patch(path))
        perplexity(place(model, device), ids, "random")
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
    return {"held": peaks[0], "device": peak, "seconds": time.perf_counter() - started}


@contextmanager
def _watched(peaks: list[int]) -> Iterator[None]:
    """Look at the memory this process holds until the block ends; the peak goes into `peaks`."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            peaks[0] = max(peaks[0], held_bytes(os.getpid()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", nargs=4, metavar=("FOLDER", "METHOD", "WEIGHTS", "DTYPE"), help="measure this one")
    chosen = parser.parse_args().cell
    if chosen:
        print(json.dumps(cell(Path(chosen[0]), *chosen[1:])))
    else:
        main()
