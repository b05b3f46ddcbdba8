"""What can be wrong with a patch, each told in a sentence."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from prunebench.contract.tiny_models import tiny_model
from prunebench.errors import PrunebenchError
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.format import load_patch, save_patch


@pytest.fixture
def models() -> tuple[nn.Module, nn.Module]:
    dense = tiny_model("llama-gqa")
    pruned = copy.deepcopy(dense)
    pruned.model.layers[0].mlp.up_proj.weight.data[:, ::2] = 0
    pruned.model.layers[0].mlp.down_proj.weight.data.mul_(2)[:, ::2] = 0
    return dense, pruned


@pytest.fixture
def path(models: tuple[nn.Module, nn.Module], tmp_path: Path) -> Path:
    path = tmp_path / "u50.safetensors"
    save_patch(path, make_patch(*models), {"model": "tiny", "method": "wanda"})
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], None]) -> None:
    """Change the JSON and the tensors of a patch file and write it back."""
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    about, tensors = json.loads(header["__metadata__"]["prunebench"]), load_file(path)
    change(about, tensors)
    save_file(tensors, path, {"prunebench": json.dumps(about)})


def test_another_dense_model_is_refused(models: tuple[nn.Module, nn.Module], path: Path) -> None:
    other = copy.deepcopy(models[0])
    other.model.embed_tokens.weight.data[3, 3] += 1e-3  # not even a tensor the patch touches
    with pytest.raises(PrunebenchError, match=r"another dense model \(method wanda, model tiny\).*float32"):
        apply_patch(other, load_patch(path))


def test_another_dtype_is_refused(path: Path) -> None:
    with pytest.raises(PrunebenchError, match="another dense model"):
        apply_patch(tiny_model("llama-gqa", torch.bfloat16), load_patch(path))


def test_a_patch_is_not_applied_twice(models: tuple[nn.Module, nn.Module], path: Path) -> None:
    model = copy.deepcopy(models[0])
    apply_patch(model, load_patch(path))
    with pytest.raises(PrunebenchError, match="another dense model"):
        apply_patch(model, load_patch(path))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.99])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(PrunebenchError, match="truncated or damaged; delete it"):
        load_patch(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match="does not exist"):
        load_patch(tmp_path / "u50.safetensors")


def test_a_checkpoint_is_not_taken_for_a_patch(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(PrunebenchError, match="is not a patch"):
        load_patch(tmp_path / "model.safetensors")


def test_an_unknown_version_is_refused(path: Path) -> None:
    rewrite(path, lambda about, tensors: about.update(version=99))
    with pytest.raises(PrunebenchError, match="format version 99"):
        load_patch(path)


def test_a_patch_whose_parts_contradict_each_other_is_refused(path: Path) -> None:
    rewrite(path, lambda about, tensors: tensors.update(bits=tensors["bits"][:-10].clone()))
    with pytest.raises(PrunebenchError, match="contradicts itself"):
        load_patch(path)


def test_a_flipped_bit_is_noticed(models: tuple[nn.Module, nn.Module], path: Path) -> None:
    rewrite(path, lambda about, tensors: tensors["bits"][5].bitwise_xor_(16))
    with pytest.raises(PrunebenchError, match="does not lead to the model"):
        apply_patch(models[0], load_patch(path))


def test_an_unknown_surgery_step_is_refused(models: tuple[nn.Module, nn.Module], path: Path) -> None:
    rewrite(path, lambda about, tensors: about.update(steps=[{"step": "resise", "module": "lm_head"}]))
    with pytest.raises(PrunebenchError, match=r"unknown surgery step 'resise'.*did you mean 'resize'"):
        apply_patch(models[0], load_patch(path))


def drop_norm(model: Any) -> None:
    model.model.norm = None


def replace_module(model: Any) -> None:
    model.model.layers[0].mlp.up_proj = nn.Identity()


def reshape_norm(model: Any) -> None:
    model.model.norm.weight = nn.Parameter(torch.ones(8))


def tie(model: Any) -> None:
    model.lm_head.weight = model.model.embed_tokens.weight


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_norm, "module model.norm was dropped"),
        (replace_module, "up_proj became a Identity"),
        (reshape_norm, "new shape .8,. of model.norm.weight"),
        (tie, "lm_head.weight was tied"),
    ],
)
def test_changes_without_a_place_in_the_format_are_refused(change: Callable[[Any], None], message: str) -> None:
    dense = tiny_model("llama-gqa")
    pruned = copy.deepcopy(dense)
    change(pruned)
    with pytest.raises(PrunebenchError, match=message):
        make_patch(dense, pruned)
