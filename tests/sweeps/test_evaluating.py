"""Before the measuring starts: what is measured beside what, and whose trouble is whose."""

from pathlib import Path
from typing import Any

import pytest
import torch

import prunebench.sweeps.evaluating
from prunebench.config.load import load_config
from prunebench.judgement import judge
from prunebench.layout import MODEL
from prunebench.models.load import load_model
from prunebench.models.mapped import copy_model
from prunebench.sweeps.evaluating import EvaluateHandler
from prunebench.sweeps.handlers import Bench
from prunebench.sweeps.worker import InfrastructureError
from tests.sweeps.project import MODEL_NAME, Project


@pytest.fixture
def bench(project: Project, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(Bench, "clear", lambda self: None)  # this process has other tests to run
    dense = load_model(Path(MODEL.format(model=MODEL_NAME)).parent, "float32")
    return Bench(load_config(project.config), project.sweep(), dense, False, "float32", torch.device("cpu"), print)


@pytest.fixture
def handler(bench: Bench) -> EvaluateHandler:
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


def test_speed_is_measured_beside_a_model_that_lies_in_memory_as_the_pruned_one_does(bench: Bench) -> None:
    dense = EvaluateHandler(bench, "speed")._make_context(()).dense
    assert dense is not None
    loaded = {parameter.untyped_storage().data_ptr() for parameter in bench.dense.parameters()}
    for (name, parameter), pruned in zip(
        dense.named_parameters(), copy_model(bench.dense, bench.mapped).parameters(), strict=True
    ):
        assert torch.equal(parameter, pruned), name
        assert parameter.untyped_storage().data_ptr() not in loaded, f"{name} lies where the checkpoint is mapped"
        assert parameter.data_ptr() % 64 == pruned.data_ptr() % 64 == 0, name
