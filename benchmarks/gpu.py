"""Seconds and peak memory of pruning a Llama-7B-shaped model on a GPU (`python -m benchmarks.gpu`).

The weights are random, so nothing is fetched; the table is Markdown. The phases of a cell: `prune` is the copy of the
dense model, the statistics and the method itself; then `verify`, and `patch`, which is made and written.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

# cuBLAS reads it when CUDA starts; jobs get it from their supervisor.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
from torch import Tensor, nn
from transformers.utils import logging

from benchmarks.random_model import METHODS, Shape, random_llama
from prunebench.engine.determinism import reset_global_state
from prunebench.patches.diff import make_patch
from prunebench.patches.format import save_patch
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.sweeps.handlers import Meter
from prunebench.targets import Target

_ROOT = Path(__file__).parents[1]
SEVEN_B, SEVEN_B_SAMPLES = Shape(), 128
TINY, TINY_SAMPLES = Shape(blocks=2, hidden=64, intermediate=96, heads=4, vocabulary=97, positions=16), 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, also on the CPU: to see that this runs")
    parser.add_argument("--mapped", action="store_true", help="weights in files, for hosts with less than 30 GB")
    chosen = parser.parse_args(arguments)
    shape, samples = (TINY, TINY_SAMPLES) if chosen.tiny else (SEVEN_B, SEVEN_B_SAMPLES)
    if not torch.cuda.is_available() and not chosen.tiny:
        sys.exit("torch sees no CUDA device; --tiny runs on the CPU")
    print("\n".join(report(shape, samples, chosen.mapped)))


def report(shape: Shape, samples: int, mapped: bool) -> list[str]:
    """The lines of the table, with hardware and date above it; each sample has as many tokens as the model takes."""
    logging.disable_progress_bar()
    reset_global_state(0, torch.get_num_threads())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float16 if device.type == "cuda" else torch.bfloat16
    started = time.perf_counter()
    model = random_llama(shape, dtype, device, mapped)
    made = time.perf_counter() - started
    parameters = sum(parameter.numel() for parameter in model.parameters())
    ids = torch.randint(shape.vocabulary, (samples, shape.positions), generator=torch.Generator().manual_seed(0))
    kind = f"{str(dtype).removeprefix('torch.')}{', mapped' if mapped else ''}"
    lines = [
        f"{date.today()}, {_hardware(device)}, torch {torch.__version__}; {parameters / 1e9:.2f} billion random "
        f"weights in {kind}, made in {made:.1f} s; {samples} x {shape.positions} calibration tokens",
        "",
        "| method | target | prune s | verify s | patch s | peak device GB |",
        "|---|---|---|---|---|---|",
    ]
    for method, token in METHODS.items():
        prune, verify, patch, peak = _cell(model, method, token, ids, device, mapped)
        lines.append(f"| {method} | {token} | {prune:.1f} | {verify:.1f} | {patch:.1f} | {peak / 1e9:.2f} |")
    return lines


def _cell(
    model: nn.Module, method: str, token: str, ids: Tensor, device: torch.device, mapped: bool
) -> tuple[float, float, float, float]:
    """Seconds to prune, verify and patch, and peak bytes on the device."""
    last_block = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last_block
        last_block = time.perf_counter()  # a method that goes through the blocks twice ends with the second time

    started = time.perf_counter()
    with Meter(device) as meter:
        loaded, target = load_method(method, [_ROOT / "methods"]), Target.parse(token)
        pruned = prune_cell(model, loaded, target, ids, device=device, progress=progress, mapped=mapped)
    verified = time.perf_counter()
    with TemporaryDirectory() as folder:
        save_patch(Path(folder) / "patch.safetensors", make_patch(model, pruned.model), {})
        saved = time.perf_counter()
    return last_block - started, verified - last_block, saved - verified, meter.cost["peak_device_bytes"]


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()} CPU, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
