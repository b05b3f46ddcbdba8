"""A project folder with this repository's config and methods, and the records of a trial written by hand."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from prunebench.config.strict import read_yaml
from prunebench.layout import Sweep
from prunebench.results.records import CellId, Cost, EvaluationRecord, Measurement, PruneRecord, Status, save_record
from prunebench.trial.plan import Trial, plan_trial

REPOSITORY = Path(__file__).parents[2]
Write = Callable[..., None]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The default config as it stands in its file; its project is the working directory."""
    for folder in ("config", "methods"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    return dict(read_yaml(Path("config/config.yaml")))


@pytest.fixture
def trial(settings: dict) -> Trial:
    """RIA's, at u50."""
    return plan_trial(settings, "ria", "smollm2-135m")


@pytest.fixture
def write(trial: Trial) -> Write:
    """Writes a cell's records: its losses (windows,) if it is `ok`, or what became of its pruning."""

    def write(method: str, losses: list[float], status: Status = "ok", reason: str = "") -> None:
        sweep = Sweep("laptop-512", "smollm2-135m", method, 0)
        target = "u00" if method == "dense" else "u50"
        cell = CellId(model=sweep.model, method=method, target=target, seed=0, protocol=sweep.protocol)
        made = {"cell": cell, "status": status, "reason": reason, "key": {}}
        save_record(sweep.prune_record(target), PruneRecord(**made, cost=Cost(seconds=2.5, peak_host_bytes=7 * 10**8)))
        mean = 2.718281828459045 ** (sum(losses) / len(losses)) if losses else None
        measured = [
            Measurement(metric="perplexity", dataset=text, value=mean, items=losses)
            for text in trial.config.protocol_spec.perplexity.texts
            if losses
        ]
        path = sweep.evaluation_record(target, "perplexity")
        save_record(path, EvaluationRecord(**made, kind="perplexity", measurements=measured))

    return write
