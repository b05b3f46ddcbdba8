"""Trouble before the measuring starts: too little memory is the cell's, everything else nobody's."""

from pathlib import Path
from typing import Any

import pytest
import torch

import prunebench.sweeps.evaluating
from prunebench.config.load import load_config
from prunebench.judgement import judge
from prunebench.layout import MODEL
from prunebench.models.load import load_model
from prunebench.sweeps.evaluating import EvaluateHandler
from prunebench.sweeps.handlers import Bench
from prunebench.sweeps.worker import InfrastructureError
from tests.sweeps.project import MODEL_NAME, Project


@pytest.fixture
def handler(project: Project, monkeypatch: pytest.MonkeyPatch) -> EvaluateHandler:
    monkeypatch.setattr(Bench, "clear", lambda self: None)  # this process has other tests to run
    dense = load_model(Path(MODEL.format(model=MODEL_NAME)).parent, "float32")
    bench = Bench(load_config(project.config), project.sweep(), dense, False, "float32", torch.device("cpu"), print)
    return EvaluateHandler(bench, "perplexity")


CELL: dict[str, Any] = {"target": "u50", "patch": "absent.safetensors", "sha256": "", "datasets": ["text-a"]}


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")]
)
def test_a_model_that_does_not_fit_is_out_of_memory(
    handler: EvaluateHandler, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(prunebench.sweeps.evaluating, "copy_model", full)
    with pytest.raises(type(error)) as caught:
        handler.attempt(CELL)
    assert judge(caught.value, ())[0] == "oom"


def test_a_patch_that_cannot_be_read_fails_the_job(handler: EvaluateHandler) -> None:
    with pytest.raises(InfrastructureError, match="absent"):
        handler.attempt(CELL)
