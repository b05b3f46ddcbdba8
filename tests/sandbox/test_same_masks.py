"""A method prunes the same weights, bit by bit, inside the sandbox and outside."""

import shutil
from pathlib import Path

import pytest
import torch

from prunebench.contract.checks import checks_for, run_check
from prunebench.contract.tiny_models import TINY_CONFIGS, tiny_calibration, tiny_model
from prunebench.errors import PrunebenchError
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.sandbox import confinement
from prunebench.sandbox.loading import open_method
from prunebench.sandbox.policy import Policy
from prunebench.sandbox.remote import RemoteFunction
from prunebench.targets import Target
from tests.bwrap import needs_sandbox

METHODS = Path(__file__).parents[2] / "methods"
HALF = Target.parse("u50")


def generated(tmp_path: Path, name: str) -> Path:
    """A folder of methods whose `generated/` has this shipped method."""
    (tmp_path / "generated").mkdir()
    shutil.copy(METHODS / f"{name}.py", tmp_path / "generated")
    return tmp_path


@needs_sandbox
@pytest.mark.parametrize("name", ["random", "wanda", "sparsegpt", "stade", "gblm"])
def test_inside_and_outside(tmp_path: Path, name: str) -> None:
    ids = tiny_calibration()
    outside = load_method(name, [METHODS])
    with open_method(name, [generated(tmp_path, name)], Policy()) as inside:
        assert isinstance(inside.function, RemoteFunction)
        for model in TINY_CONFIGS:
            for dtype in (torch.float32, torch.bfloat16):
                for target in (HALF, Target.parse("n2m4")):
                    dense = tiny_model(model, dtype)
                    expected = prune_cell(dense, outside, target, ids, seed=3).model.state_dict()
                    got = prune_cell(dense, inside, target, ids, seed=3).model.state_dict()
                    assert expected.keys() == got.keys()
                    for tensor in expected:
                        assert torch.equal(expected[tensor], got[tensor]), (model, dtype, target.token, tensor)


@needs_sandbox
def test_the_contract_is_checked_inside(tmp_path: Path) -> None:
    with open_method("wanda", [generated(tmp_path, "wanda")], Policy()) as method:
        for check in checks_for(method.header):
            run_check(check, method)


def test_a_person_s_method_needs_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "bubblewrap", lambda: pytest.fail("asked for"))
    with open_method("wanda", [METHODS], Policy()) as method:
        assert not isinstance(method.function, RemoteFunction)


def test_a_method_that_prunes_whole_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "whole.py").write_text(
        "METHOD = {'title': 'W', 'family': 'f', 'origin': 'llm', 'patterns': ['unstructured']}\n"
        "def prune_model(model, calibration, target):\n    pass\n"
    )
    with pytest.raises(PrunebenchError, match=r"whole\.py defines prune_model\(\).*write it as score\(\)"):
        open_method("whole", [tmp_path], Policy()).__enter__()


def test_without_bubblewrap_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = generated(tmp_path, "wanda")
    confinement.bubblewrap.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrunebenchError, match="apt-get install bubblewrap"), open_method("wanda", [folder], Policy()):
        pass
    confinement.bubblewrap.cache_clear()
    with open_method("wanda", [folder], Policy(unsafe=True)) as method:
        assert not isinstance(method.function, RemoteFunction)


def test_an_old_bubblewrap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.6.1\n")
    old.chmod(0o755)
    confinement.bubblewrap.cache_clear()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(PrunebenchError, match=r"'bubblewrap 0.6.1'.*0.7 or newer"):
        confinement.bubblewrap()
    confinement.bubblewrap.cache_clear()
