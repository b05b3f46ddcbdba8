"""A project folder with this repository's config and methods, configs for it, and records to put into it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prunebench.config.grid import expand
from prunebench.config.load import Config, load_config, needed_texts
from prunebench.data.tokens import write_ids
from prunebench.layout import CALIBRATION, MODEL, TASK, TEXT, WINDOWS, Sweep
from prunebench.results.records import CellId, Cost, EvaluationRecord, Measurement, PruneRecord, Status, save_record
from prunebench.sealed import write_sealed_json
from prunebench.sweeps import keys
from tests.shipped_project import enter_shipped_project

DEFAULT = {
    "protocol": "laptop-512",
    "models": ["smollm2-135m"],
    "methods": ["wanda", "magnitude"],
    "targets": ["u50"],
    "evaluate": ["perplexity", "zeroshot"],
    "zeroshot_tasks": ["piqa"],
}

MakeConfig = Callable[..., Config]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return enter_shipped_project(tmp_path, monkeypatch)


@pytest.fixture
def configured() -> MakeConfig:
    return lambda **changes: load_config({**DEFAULT, **changes})


PROVENANCE = {"device": "cpu", "dtype": "bfloat16", "threads": 1, "gpu": None}


def write_prune(
    method: str, target: str, seconds: float, *, model: str = "smollm2-135m", seed: int = 0, status: Status = "ok",
    key: dict[str, str] | None = None, **made_by: object,
) -> Path:  # fmt: skip
    """A prune record, as of the default protocol on one CPU thread."""
    sweep = Sweep("laptop-512", model, method, seed)
    path = sweep.prune_record(target)
    record = PruneRecord(
        cell=cell_id(sweep, target), status=status, key=key or {}, cost=Cost(seconds=seconds),
        provenance=PROVENANCE | made_by, patch_sha256="0" * 64,
    )  # fmt: skip
    save_record(path, record)
    return path


def cell_id(sweep: Sweep, target: str) -> CellId:
    return CellId(model=sweep.model, method=sweep.method, target=target, seed=sweep.seed, protocol=sweep.protocol)


def write_inputs(config: Config) -> None:
    """Stand-ins for what jobs read: manifests and token ids, which is all that keys are made of."""
    for model in config.models:
        write_sealed_json(Path(MODEL.format(model=model)), {"files": {"model.safetensors": model}})
        names = {"protocol": config.protocol, "model": model}
        for seed in config.seeds:
            _write_ids(CALIBRATION.format(**names, seed=seed), 12, 512)
        for text in needed_texts(config):
            write_sealed_json(Path(TEXT.format(text=text)), {"files": {"documents.jsonl": text}})
        for text in config.protocol_spec.perplexity.texts:
            _write_ids(WINDOWS.format(**names, text=text), 8, 512)
    for task in config.zeroshot_tasks:
        write_sealed_json(Path(TASK.format(task=task)), {"files": {"items.jsonl": task}})


def write_current_records(config: Config, seconds: float = 5.0) -> None:
    """Every record of the config's grid, as if it had been run, and an empty file for every patch."""
    for cell in expand(config).cells:
        sweep, target = cell.sweep, cell.target
        write_prune(
            sweep.method, target, seconds, model=sweep.model, seed=sweep.seed,
            key=keys.prune_key(config, sweep, target),
        )  # fmt: skip
        sweep.patch(target).touch()
        for kind in cell.kinds:
            names = keys.datasets(config, kind)
            record = EvaluationRecord(
                cell=CellId(
                    model=sweep.model, method=sweep.method, target=target, seed=sweep.seed, protocol=sweep.protocol
                ),
                status="ok",
                key=keys.evaluation_key(config, sweep, kind, "0" * 64),
                cost=Cost(seconds=seconds),
                provenance=PROVENANCE,
                kind=kind,
                measurements=[Measurement(metric="m", dataset=name, value=1.0, items=[1.0] * 8) for name in names],
            )
            save_record(sweep.evaluation_record(target, kind), record)


def _write_ids(path: str, rows: int, tokens: int) -> None:
    write_ids(Path(path), torch.zeros((rows, tokens), dtype=torch.int32), {})
