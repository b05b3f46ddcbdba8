"""A project whose run is the made-up one, with the keys of records that are current, and all of it published."""

import json
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prunebench.config.grid import expand
from prunebench.config.load import Config, load_config
from prunebench.config.strict import read_yaml
from prunebench.layout import PUBLISHED
from prunebench.results.published.lines import seal
from prunebench.results.published.publish import current_cells, methods_of, publishable, write_published
from prunebench.results.records import EvaluationRecord, PruneRecord, load_record, save_record
from prunebench.sweeps.keys import DATASET, datasets, prune_settings, run_settings
from tests.results.example import METHODS, MODELS, TARGETS, make_run

REPOSITORY = Path(__file__).parents[3]
VARIANT = "wanda@nsamples=32"


class Project(NamedTuple):
    """The working directory, and the config that the records in it are of."""

    root: Path
    config: Config

    def publish(self, *methods: str) -> None:
        for method in methods or methods_of(self.config):
            config, cells = publishable(self.config, method)
            results, missing = current_cells(config, cells)
            assert not missing
            write_published(config, method, results)

    def file(self, method: str) -> Path:
        return self.root / PUBLISHED / f"{method}.jsonl"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Made once; each test works on a copy."""
    root = tmp_path_factory.mktemp("made")
    for folder in ("config", "methods"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with chdir(root):
        methods = (*METHODS, VARIANT)
        settings = {"models": [*MODELS], "methods": [*methods], "targets": [*TARGETS]}
        project = Project(root, load_config({**read_yaml(Path("config/config.yaml")), **settings}))
        make_run(root, methods=methods)
        make_current(project.config)
        project.publish()
    return project


@pytest.fixture
def published(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with records of every status, all of them published."""
    shutil.copytree(made.root, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, made.config)


def rewrite(path: Path, change: Callable[[dict[str, Any], int], None]) -> None:
    """Change a published file's lines (first one included) as `change(line, number)` does, with their digests."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number, line in enumerate(lines):
        del line["sha256"]
        change(line, number)
    path.write_text("".join(seal(line) + "\n" for line in lines))


def make_current(config: Config) -> None:
    """Give all records the keys that they would have, and the evaluations of failed cells their records."""
    for cell in expand(config).cells:
        sweep = cell.sweep
        path = sweep.prune_record(cell.target)
        pruned = load_record(path, PruneRecord)
        made_from = {**run_settings(config), "model": f"model of {sweep.model}"}
        key = {**made_from, **prune_settings(config, sweep), "target": cell.target}
        save_record(path, pruned.model_copy(update={"key": key, "patch_sha256": f"patch of {sweep.path}"}))
        for kind in cell.kinds:
            path = sweep.evaluation_record(cell.target, kind)
            record = load_record(path, EvaluationRecord) or EvaluationRecord(
                cell=pruned.cell, kind=kind, status=pruned.status, reason=pruned.reason, key={}
            )
            files = {DATASET + name: f"data of {name}" for name in datasets(config, kind)}
            save_record(path, record.model_copy(update={"key": {**made_from, **files}}))
