"""What a cell costs beside the forward passes it cannot do without (`make bench`).

Everything is measured in this one run, so a slow machine slows both sides of each ratio. The model and the
tokens are those of the default run; `make leaderboard` makes them.
"""

import copy
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from prunebench.config.load import load_config
from prunebench.config.strict import read_yaml
from prunebench.data.calibration import load_calibration
from prunebench.data.windows import load_windows
from prunebench.errors import PrunebenchError
from prunebench.evaluate.perplexity import perplexity
from prunebench.layout import CALIBRATION, MODEL, WINDOWS
from prunebench.models.load import load_model
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.format import load_patch, save_patch
from prunebench.plugins.loader import Method, load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target

MODEL_NAME = "smollm2-135m"
METHODS = ("magnitude", "random", "wanda", "sparsegpt")
BOUND = 1.3  # prune + evaluate over the plain forward passes
START_BOUND = 6.0  # seconds
REPETITIONS = 3


def main() -> None:
    """Print the table and the bounds; exit 1 where a bound is missed."""
    config = load_config(read_yaml(Path("config/config.yaml")))
    folder = Path(MODEL.format(model=MODEL_NAME)).parent
    names = {"protocol": config.protocol, "model": MODEL_NAME}
    calibration_file = Path(CALIBRATION.format(**names, seed=0))
    text = config.protocol_spec.perplexity.texts[0]
    if not calibration_file.exists():
        sys.exit("the benchmark uses the default run's model and tokens: run `make leaderboard` first")

    torch.set_num_threads(config.threads)
    calibration, windows = load_calibration(calibration_file), load_windows(Path(WINDOWS.format(**names, text=text)))
    start = min(_seconds(lambda: _start_a_process(folder)) for _ in range(REPETITIONS))
    model = load_model(folder, config.protocol_spec.dtype.cpu)

    calibrate = _best(lambda: _forward(model, calibration))
    evaluate = _best(lambda: _forward(model, windows))
    base = 2 * calibrate + evaluate
    console = Console()
    table = Table(
        "method", "prune s", "patch s", "evaluate s", "cell s", "its forwards s", "beyond them s", "/ bound's base",
        title=f"{calibration.numel()} calibration and {windows.numel()} evaluation tokens, {config.threads} thread(s)",
    )  # fmt: skip
    missed = []
    for name in METHODS:
        method = load_method(name, config.method_paths)
        prune, patch, evaluated = _cell(model, method, calibration, windows)
        # Data-free methods run no calibration; the bound counts it for all, so that one number serves all.
        forwards = (2 * calibrate if method.header.needs else 0.0) + evaluate
        cell = prune + patch + evaluated
        table.add_row(
            name,
            *(f"{s:.1f}" for s in (prune, patch, evaluated, cell, forwards)),
            f"{cell - forwards:.1f}",
            f"{cell / base:.2f}",
        )
        if name != "sparsegpt" and cell > BOUND * base:
            missed.append(f"{name} takes {cell:.1f} s, the bound is {BOUND} x {base:.1f} s")
    console.print(table)
    console.print(f"2 x calibration + 1 x evaluation through model(...): {base:.1f} s; bound {BOUND} x that")

    console.print(f"start of a process until the model is loaded: {start:.1f} s (bound {START_BOUND})")
    if start > START_BOUND:
        missed.append(f"starting takes {start:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    bound = 2 * 4 * sum(parameter.numel() for parameter in model.parameters()) + 1.5e9
    console.print(f"peak resident memory of this process: {peak / 1e9:.2f} GB (bound {bound / 1e9:.2f})")
    if peak > bound:
        missed.append(f"peak memory {peak / 1e9:.2f} GB")
    sys.exit("\n".join(missed) or 0)


def _cell(model: nn.Module, method: Method, calibration: Tensor, windows: Tensor) -> tuple[float, float, float]:
    """Seconds to prune, to write and read back the patch, and to evaluate: all a sweep does for one cell."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "patch.safetensors"
        started = time.perf_counter()
        pruned = prune_cell(model, method, Target.parse("u50"), calibration).model
        pruned_at = time.perf_counter()
        save_patch(path, make_patch(model, pruned), {})
        apply_patch(pruned := copy.deepcopy(model), load_patch(path))
        patched_at = time.perf_counter()
        perplexity(pruned, windows, "text")
        return pruned_at - started, patched_at - pruned_at, time.perf_counter() - patched_at


@torch.inference_mode()
def _forward(model: nn.Module, ids: Tensor) -> None:
    for row in ids:
        model(row[None], use_cache=False)


def _start_a_process(folder: Path) -> None:
    code = "import sys, pathlib, prunebench.models.load as m; m.load_model(pathlib.Path(sys.argv[1]), 'bfloat16')"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True)


def _best(call: Callable[[], None]) -> float:
    return min(_seconds(call) for _ in range(REPETITIONS))


def _seconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    try:
        main()
    except PrunebenchError as error:
        sys.exit(str(error))
