"""Cells as people name them, and what their records say has become of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prunebench.config.grid import Cell, expand
from prunebench.config.load import Config
from prunebench.errors import PrunebenchError
from prunebench.layout import PATCH, PRUNE_RECORD, Sweep
from prunebench.results.records import EvaluationRecord, PruneRecord, load_record
from prunebench.targets import Target

MISSING = "missing"


@dataclass(frozen=True)
class Recorded:
    """One record of a cell: its status, or `missing`."""

    path: Path
    status: str
    reason: str


@dataclass(frozen=True)
class CellState:
    """A cell with the status of each of its records: the pruning first, then each kind of evaluation."""

    cell: Cell
    records: tuple[Recorded, ...]

    @property
    def decisive(self) -> Recorded:
        """The first record that is not `ok`, which is the cell's state; any if all are."""
        return next((record for record in self.records if record.status != "ok"), self.records[0])


def read_states(config: Config) -> list[CellState]:
    """The state of every cell of the config's grid, from its records alone, whatever they were made from."""
    states = []
    for cell in expand(config).cells:
        path = cell.sweep.prune_record(cell.target)
        records = [_recorded(path, load_record(path, PruneRecord))]
        for kind in cell.kinds:
            path = cell.sweep.evaluation_record(cell.target, kind)
            records.append(_recorded(path, load_record(path, EvaluationRecord)))
        states.append(CellState(cell, tuple(records)))
    return states


def _recorded(path: Path, record: PruneRecord | EvaluationRecord | None) -> Recorded:
    if record is None:
        return Recorded(path, MISSING, "")
    return Recorded(path, record.status, record.reason)


def parse_cell(text: str, config: Callable[[], Config]) -> Cell:
    """Read a cell: `protocol/model/method/seed0/target`, its patch's or record's path, or `model/method/target`.

    Args:
        config: called for the protocol and the first seed if the text lacks them.

    Raises:
        PrunebenchError: the text is none of these.
    """
    prefixes = [pattern.partition("{")[0] for pattern in (PATCH, PRUNE_RECORD)]
    short = text.removeprefix("./")
    for prefix in prefixes:
        short = short.removeprefix(prefix)
    parts = short.removesuffix(".safetensors").removesuffix(".json").split("/")
    if len(parts) == 3:
        settings = config()
        parts = [settings.protocol, *parts[:2], f"seed{settings.seeds[0]}", parts[2]]
    try:
        sweep = Sweep.parse("/".join(parts[:-1]))
    except ValueError:
        raise PrunebenchError(
            f"{text!r} is no cell; write model/method/target, for example smollm2-135m/wanda/u50, or "
            "protocol/model/method/seed0/target"
        ) from None
    Target.parse(parts[-1])
    return Cell(sweep, parts[-1])
