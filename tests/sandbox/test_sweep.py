"""A sweep with a hostile method: each cell has its status, the worker lives on, and the good cells are there."""

import pytest
import torch
from safetensors.torch import load_file

from prunebench.results.records import PruneRecord, load_record
from tests.bwrap import needs_sandbox
from tests.sweeps.project import LOG, Project

pytestmark = [needs_sandbox, pytest.mark.slow]

MOODY = '''
"""Misbehaves in a way of its own for some targets."""
import os, time, torch

METHOD = {"title": "Moody", "family": "f", "origin": "llm", "patterns": ["unstructured"], "group": "row",
          "needs": ["input_sq_norm"]}

def score(weight, inputs, target):
    token = target.token
    if token == "u12":
        raise ValueError("it does not fit")
    if token == "u14":
        return weight * float("nan")
    if token == "u16":
        return weight[:, :-1]
    if token == "u20":
        while True:
            pass
    if token == "u22":
        hoard = []
        while True:
            hoard.append(torch.ones(1 << 22))
    if token == "u24":
        os._exit(3)
    if token == "u26":
        open(os.path.abspath("results/metrics.csv"), "w")
    return weight.abs() * inputs.l2_norm
'''
WHOLE = """
METHOD = {"title": "Whole", "family": "f", "origin": "llm", "patterns": ["unstructured"]}

def prune_model(model, calibration, target):
    pass
"""
EXPECTED = {
    "u11": ("ok", ""),
    "u12": ("error", "ValueError: it does not fit (moody.py:"),
    "u14": ("rejected", "model.layers.0.self_attn.q_proj: the saliency has "),
    "u16": ("rejected", "returned a saliency (32, 31) where (32, 32) is expected"),
    "u20": ("timeout", "took longer than sandbox.minutes = 0.1"),
    "u22": ("oom", ""),
    "u24": ("error", "the method's process exited with status 3"),
    "u26": ("error", "FileNotFoundError"),
    "u50": ("ok", ""),
}
SANDBOX = {"minutes": 0.1, "memory_gb": 0.5}


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path_factory.mktemp("project"))
    project = Project()
    (project.root / "methods/generated").mkdir()
    return project


def record(project: Project, method: str, target: str) -> PruneRecord:
    found = load_record(project.sweep(method).prune_record(target), PruneRecord)
    assert found is not None
    return found


def test_every_cell_has_its_status_and_one_worker_does_them_all(project: Project) -> None:
    project.method("generated/moody", MOODY)
    project.prune(*EXPECTED, method="moody", sandbox=SANDBOX)
    for target, (status, reason) in EXPECTED.items():
        found = record(project, "moody", target)
        assert found.status == status, f"{target}: {found.reason}"
        assert found.reason.startswith(reason), target
        assert "\n" not in found.reason
    assert LOG.read_text().count("worker ready") == 1


def test_a_sweep_makes_the_same_model_inside_and_outside(project: Project) -> None:
    project.method("generated/inside", MOODY)
    project.method("generated/unsafe", MOODY)
    project.method("outside", MOODY.replace('"origin": "llm"', '"origin": "human"'))
    project.prune("u50", method="inside", sandbox=SANDBOX)
    project.prune("u50", method="unsafe", unsafe_run_untrusted=True)
    project.prune("u50", method="outside")
    tensors = [load_file(project.sweep(method).patch("u50")) for method in ("inside", "unsafe", "outside")]
    assert tensors[0]
    for other in tensors[1:]:
        assert tensors[0].keys() == other.keys()
        assert all(torch.equal(tensors[0][name], other[name]) for name in other)


def test_what_cannot_be_sandboxed_is_an_error_that_says_why(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.method("generated/whole", WHOLE)
    project.prune("u50", method="whole")
    assert record(project, "whole", "u50").status == "error"
    assert "write it as score() or prune_layer()" in record(project, "whole", "u50").reason

    project.method("generated/moody", MOODY)
    monkeypatch.setenv("PATH", str(project.root))
    project.prune("u50", method="moody")
    assert record(project, "moody", "u50").status == "error"
    assert "install bubblewrap" in record(project, "moody", "u50").reason
