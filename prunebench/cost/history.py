"""Seconds that earlier cells took, from whatever records lie in `results/`, also those that are no longer current."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from prunebench.config.schema import JobWork
from prunebench.errors import PrunebenchError
from prunebench.layout import EVALUATION_RECORD, PRUNE_RECORD, Sweep
from prunebench.plugins.header import parse_variant
from prunebench.targets import Target

_ANSWERED = ("ok", "diverged")
_ENOUGH = 30  # records: more do not move a median, and reading takes time
_TRUSTED = (0.1, 10.0)  # how far off the FLOPs model is believed to be on another machine


@dataclass(frozen=True)
class Past:
    """What a record says of its cost.

    Attributes:
        counts: windows or items of each dataset, where there are any.
    """

    sweep: Sweep
    target: str
    pattern: str
    work: JobWork
    seconds: float
    device: str
    dtype: str
    threads: int
    gpu: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Correction:
    """What a FLOPs model's seconds are to be multiplied with; `known` if that is from records of the same model and
    method, or of an evaluation the same model."""

    factor: float
    known: bool


@dataclass(frozen=True)
class _Seen:
    """A record's target with its pattern, the seconds it took, and those the FLOPs model says."""

    target: str
    pattern: str
    seconds: float
    modelled: float


class History:
    """Compares earlier records with what the FLOPs model says of them; read as far as they are asked for.

    Args:
        modelled: the FLOPs model's seconds for a record, on the device it was made on; 0 if it has none.
        device: `cpu` or `cuda`; records from the other kind say nothing.

    Attributes:
        correction: by model, method, target and work.
        pace: by work; seconds over the FLOPs model's, of all that was done, or how slow this machine is.
    """

    def __init__(self, modelled: Callable[[Past], float], device: str) -> None:
        self._modelled = modelled
        self._device = device
        self.correction: Callable[[str, str, str, JobWork], Correction] = cache(self._correction)
        self.pace: Callable[[JobWork], float] = cache(self._pace)
        self._folders = cache(self._list_folders)
        self._of_method = cache(self._read_method)
        self._of_model = cache(self._read_model)

    def _correction(self, model: str, method: str, target: str, work: JobWork) -> Correction:
        """From the nearest records: of the same cell with any seed and protocol, of the method's other targets of the
        pattern, of its other variants and patterns, of the model's other methods (evaluations only), of anything."""
        own = self._of_method(model, method, work)
        nearest = [seen for seen in own if seen.target == target]
        if not nearest and own:
            pattern = Target.parse(target).pattern
            nearest = [seen for seen in own if seen.pattern == pattern]
        nearest = nearest or self._of_model(model, work, parse_variant(method)[0])
        if not nearest and work != "prune":
            nearest = self._of_model(model, work, "")
        if nearest:
            return Correction(median(seen.seconds / seen.modelled for seen in nearest), known=True)
        return Correction(self.pace(work), known=False)

    def _pace(self, work: JobWork) -> float:
        every = self._read([folder for folders in self._folders(work).values() for folder in folders], work)
        if not every:
            return 1.0
        pace = sum(seen.seconds for seen in every) / sum(seen.modelled for seen in every)
        return min(max(pace, _TRUSTED[0]), _TRUSTED[1])

    def _read_method(self, model: str, method: str, work: JobWork) -> list[_Seen]:
        return self._read(self._folders(work).get((model, method), []), work)

    def _read_model(self, model: str, work: JobWork, name: str) -> list[_Seen]:
        """Of all methods, or of all variants of one."""
        folders = [
            folder
            for (of, method), folders in self._folders(work).items()
            if of == model and (not name or parse_variant(method)[0] == name)
            for folder in folders
        ]
        return self._read(folders, work)

    def _list_folders(self, work: JobWork) -> dict[tuple[str, str], list[Path]]:
        """The folders that hold the sweeps' records, by model and method."""
        pattern = PRUNE_RECORD if work == "prune" else EVALUATION_RECORD
        folders: dict[tuple[str, str], list[Path]] = {}
        for folder in sorted(Path().glob(pattern.partition("{target}")[0].format(sweep="*/*/*"))):
            with suppress(PrunebenchError):  # a folder that somebody put aside is no method's
                parse_variant(folder.name)
                folders.setdefault((folder.parent.name, folder.name), []).append(folder)
        return folders

    def _read(self, folders: list[Path], work: JobWork) -> list[_Seen]:
        """Some of the records in these folders: all of the few that a method has, a sample of thousands."""
        files = "seed*/*.json" if work == "prune" else f"seed*/*/{work}.json"
        paths = [path for folder in _spread(folders) for path in _spread(sorted(folder.glob(files)))]
        return [
            _Seen(past.target, past.pattern, past.seconds, modelled)
            for path in _spread(paths)
            if (past := read_past(path, work)) and past.device == self._device and (modelled := self._modelled(past))
        ]


def _spread(paths: list[Path]) -> list[Path]:
    """So many of them at most, from the first to the last."""
    return paths[:: -(-len(paths) // _ENOUGH) or 1]


def read_past(path: Path, work: JobWork) -> Past | None:
    """A record's cost; None if it failed, took no time or cannot be read."""
    record = peek(path)
    try:
        if record is None or record["status"] not in _ANSWERED or not record["cost"]["seconds"] > 0:
            return None
        cell, made_by = record["cell"], record["provenance"]
        return Past(
            sweep=Sweep(cell["protocol"], cell["model"], cell["method"], cell["seed"]),
            target=cell["target"],
            pattern=Target.parse(cell["target"]).pattern,
            work=work,
            seconds=record["cost"]["seconds"],
            device=made_by["device"],
            dtype=made_by["dtype"],
            threads=made_by["threads"] or 1,
            gpu=made_by["gpu"] or "",
            counts={one["dataset"]: len(one["items"]) for one in record.get("measurements", ())},
        )
    except (KeyError, TypeError, PrunebenchError):
        return None


def newest_gpu() -> str:
    """The name of the GPU that pruned last, by the records' times; empty if none did."""
    paths = Path().glob(PRUNE_RECORD.format(sweep="*/*/*/seed*", target="*"))
    newest = sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return next((past.gpu for path in newest if (past := read_past(path, "prune")) and past.gpu), "")


def peek(path: Path) -> dict[str, Any] | None:
    """A record's JSON, unchecked: a tenth of the time of `load_record`, for those who look at thousands."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
