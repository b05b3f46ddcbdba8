"""Measures the CPU figures that estimates rest on (`prunebench/cost/rates.py`), on one thread and the default model.

CPU seconds are taken, not wall seconds, so that a machine that does other work as well slows it down less.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from prunebench.cost.rates import Rates, cpu_rates
from prunebench.cost.shape import read_shape
from prunebench.cost.work import forward
from prunebench.layout import MODEL
from prunebench.models.load import load_model
from prunebench.sparsity.select import prune_lowest
from prunebench.targets import Target

MODEL_NAME = "smollm2-135m"
REPETITIONS = 5
SIZE, ROWS = 1536, 2048


def main() -> None:
    """Print each figure beside the one that is counted on."""
    folder = Path(MODEL.format(model=MODEL_NAME)).parent
    shape = read_shape(folder / "config.json")
    if shape is None:
        sys.exit("the figures are measured on the default run's model: run `make leaderboard` first")
    torch.set_num_threads(1)
    console, table = Console(), Table("what", "measured", "counted on", box=None)
    for dtype in ("bfloat16", "float32"):
        rates, model = cpu_rates(dtype, 1), load_model(folder, dtype)
        for tokens in (5, 23, 192, 512):
            ids = torch.randint(shape.vocabulary, (1, tokens))
            with torch.inference_mode():
                seconds = _best(lambda model=model, ids=ids: model(input_ids=ids, use_cache=False))
            expected = rates.seconds(forward(shape, 1, tokens, logits=tokens))
            table.add_row(f"{dtype} forward of {tokens} tokens", f"{seconds:.3f} s", f"{expected:.3f} s")
    for what, measured, expected in _primitives(cpu_rates("float32", 1)):
        table.add_row(what, f"{measured / 1e9:.3g} G/s", f"{expected / 1e9:.3g} G/s")
    console.print(table)


def _primitives(rates: Rates) -> list[tuple[str, float, float]]:
    """What is done per second: name, measured, counted on."""
    x, gram = torch.randn(ROWS, SIZE), torch.zeros(SIZE, SIZE)
    wide, numbers = x.double(), torch.randn(SIZE, SIZE)
    positive = x.T @ x + torch.eye(SIZE)
    double = positive.double()

    def factor() -> None:
        lower = torch.linalg.cholesky(positive)
        torch.linalg.solve_triangular(lower, torch.eye(SIZE), upper=False)

    def passes() -> None:
        numbers.bfloat16().float().square().sum(0)

    target = Target.parse("u50")
    return [
        ("fp32 X^T X", 2 * ROWS * SIZE**2 / _best(lambda: gram.addmm_(x.T, x)), rates.single),
        ("fp64 X^T X", 2 * ROWS * SIZE**2 / _best(lambda: wide.T @ wide), rates.double),
        ("Cholesky and solve", 4 / 3 * SIZE**3 / _best(factor), rates.decompositions),
        (
            "eigenvectors, fp64",
            9 * SIZE**3 / _best(lambda: torch.linalg.eigh(double), 1),
            rates.decompositions,
        ),
        ("elementwise passes", 4 * SIZE**2 / _best(passes), rates.elements),
        ("weights ranked", SIZE**2 / _best(lambda: prune_lowest(numbers, target, "row")), rates.selected),
    ]


def _best(call: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    return min(_seconds(call) for _ in range(repetitions))


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


if __name__ == "__main__":
    main()
