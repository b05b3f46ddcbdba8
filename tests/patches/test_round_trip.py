"""dense + load(save(diff(dense, pruned))) is pruned, bit by bit, whatever pruning did."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from transformers.pytorch_utils import Conv1D

from prunebench.contract.tiny_models import TINY_CONFIGS, tiny_model
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.format import Patch, load_patch, save_patch
from tests.patches.same import differing_tensors

DTYPES = [torch.bfloat16, torch.float16, torch.float32]
ACTIONS = [
    "nothing", "mask", "update", "update with -0 and NaN", "rescale", "everything", "new bias", "other bias",
    "no bias", "narrower", "other dtype",
]  # fmt: skip


def restored(dense: nn.Module, pruned: nn.Module, path: Path) -> tuple[nn.Module, Patch]:
    save_patch(path, make_patch(dense, pruned), {"method": "test"})
    patch = load_patch(path)
    model = copy.deepcopy(dense)
    apply_patch(model, patch)
    return model, patch


@st.composite
def linears(draw: Any) -> tuple[nn.Module, str, float]:
    inputs, outputs = draw(st.integers(2, 21)), draw(st.integers(2, 21))
    if draw(st.booleans()):
        module: nn.Module = Conv1D(outputs, inputs)
    else:
        module = nn.Linear(inputs, outputs, bias=draw(st.booleans()))
    return module, draw(st.sampled_from(ACTIONS)), draw(st.floats(0, 1))


def prune(module: Any, action: str, sparsity: float) -> None:
    weight = module.weight.data
    gone = torch.rand(weight.shape) < sparsity
    conv = isinstance(module, Conv1D)
    if action == "mask":
        weight[gone] = 0
    elif action == "update":
        weight.mul_(1.5)[gone] = 0
    elif action == "update with -0 and NaN":
        weight.mul_(1.5)[gone] = -0.0
        weight[0, 0] = float("nan")
        weight[1, 1] = 0.0
    elif action == "rescale":
        weight.mul_(1.5)
    elif action == "everything":
        weight.zero_()
    elif action == "new bias" and module.bias is None:
        module.bias = nn.Parameter(torch.randn(weight.shape[0]).to(weight.dtype))
    elif action == "other bias" and module.bias is not None:
        module.bias.data.add_(1)
    elif action == "no bias":
        module.bias = None
    elif action == "narrower":
        module.weight = nn.Parameter(weight[:, :-1] if not conv else weight[:-1])
        if conv:
            module.nx -= 1
        else:
            module.in_features -= 1
    elif action == "other dtype":
        module.weight.data = weight.double()


@example(parts=[(nn.Linear(2, 2, bias=False), "narrower", 0.0)], dtype=torch.bfloat16, seed=0)  # one strided column
@settings(max_examples=150, deadline=None)
@given(parts=st.lists(linears(), min_size=1, max_size=4), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**31))
def test_any_change_of_linears_comes_back(
    tmp_path_factory: pytest.TempPathFactory, parts: list[Any], dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    dense = nn.ModuleList([module for module, _, _ in parts]).to(dtype)
    pruned = copy.deepcopy(dense)
    for module, (_, action, sparsity) in zip(pruned, parts, strict=True):
        prune(module, action, sparsity)
    model, _ = restored(dense, pruned, tmp_path_factory.mktemp("patch") / "patch.safetensors")
    assert differing_tensors(model, pruned) == []
    for after, wanted in zip(model, pruned, strict=True):
        assert repr(after) == repr(wanted)  # what the layer says its features are


@pytest.mark.parametrize("name", TINY_CONFIGS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_models_come_back(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    dense = tiny_model(name, dtype)
    pruned = copy.deepcopy(dense)
    torch.manual_seed(0)
    for index, (_, module) in enumerate(pruned.base_model.named_modules()):
        if isinstance(module, nn.Linear | Conv1D):
            prune(module, ["mask", "update", "new bias", "other bias"][index % 4], 0.5)
    model, _ = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert differing_tensors(model, pruned) == []
    ids = torch.randint(3, 90, (2, 16))
    assert torch.equal(model(ids).logits, pruned(ids).logits)


def test_kept_weights_of_a_mask_are_not_stored(tmp_path: Path) -> None:
    dense = nn.ModuleList([nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)])
    pruned = copy.deepcopy(dense)
    prune(pruned[0], "mask", 0.5)
    prune(pruned[1], "update", 0.5)
    _, patch = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert {name: entry.kind for name, entry in patch.entries.items()} == {"0.weight": "mask", "1.weight": "update"}
    assert patch.entries["0.weight"].values is None


def test_negative_zero_is_not_taken_for_a_pruned_weight(tmp_path: Path) -> None:
    dense = nn.ModuleList([nn.Linear(16, 16, bias=False)])
    pruned = copy.deepcopy(dense)
    pruned[0].weight.data[0] = -0.0
    model, patch = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert patch.entries["0.weight"].kind != "mask"
    assert torch.signbit(model[0].weight[0]).all()


def test_zeros_of_the_dense_model_survive(tmp_path: Path) -> None:
    dense = nn.ModuleList([nn.Linear(16, 16, bias=False)])
    dense[0].weight.data[0] = 0.0
    dense[0].weight.data[1] = -0.0
    pruned = copy.deepcopy(dense)
    pruned[0].weight.data[2] = 0.0
    model, patch = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert patch.entries["0.weight"].kind == "mask"
    assert differing_tensors(model, pruned) == []


def test_an_unpruned_model_has_an_empty_patch(tmp_path: Path) -> None:
    dense = tiny_model("opt")
    model, patch = restored(dense, copy.deepcopy(dense), tmp_path / "patch.safetensors")
    assert patch.entries == {}
    assert patch.steps == []
    assert differing_tensors(model, dense) == []


def test_a_tied_weight_is_stored_once_and_stays_tied(tmp_path: Path) -> None:
    dense = tiny_model("gpt2")
    assert dense.lm_head.weight is dense.transformer.wte.weight
    pruned = copy.deepcopy(dense)
    pruned.lm_head.weight.data.mul_(2)
    model, patch = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert list(patch.entries) == ["transformer.wte.weight"]
    assert model.lm_head.weight is model.transformer.wte.weight
    assert differing_tensors(model, pruned) == []


def test_a_weight_that_was_untied_comes_back_untied(tmp_path: Path) -> None:
    dense = tiny_model("gpt2")
    pruned = copy.deepcopy(dense)
    pruned.lm_head.weight = nn.Parameter(pruned.lm_head.weight.detach() * 2)
    model, _ = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert model.lm_head.weight is not model.transformer.wte.weight
    assert differing_tensors(model, pruned) == []


def test_buffers_that_appear_change_and_vanish_come_back(tmp_path: Path) -> None:
    dense = nn.ModuleList([nn.Linear(4, 4), nn.BatchNorm1d(4)])
    pruned = copy.deepcopy(dense)
    pruned[0].register_buffer("alive", torch.tensor([1, 0, 1, 1], dtype=torch.int64))
    pruned[1].running_mean.add_(1)
    pruned[1].running_var = None
    model, _ = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert differing_tensors(model, pruned) == []


def test_weights_that_are_not_contiguous_come_back(tmp_path: Path) -> None:
    dense = nn.ModuleList([nn.Linear(8, 6), nn.Linear(8, 6)])
    for module in dense:
        module.weight = nn.Parameter(torch.randn(8, 6).T)
    pruned = copy.deepcopy(dense)
    prune(pruned[0], "mask", 0.5)
    prune(pruned[1], "update", 0.5)
    model, _ = restored(dense, pruned, tmp_path / "patch.safetensors")
    assert differing_tensors(model, pruned) == []


def test_equal_patches_are_equal_files(tmp_path: Path) -> None:
    dense = tiny_model("opt")
    pruned = copy.deepcopy(dense)
    prune(pruned.model.decoder.layers[0].fc1, "update", 0.5)
    for name in ("a", "b"):
        save_patch(tmp_path / name, make_patch(dense, pruned), {"method": "wanda", "target": "u50", "seed": "0"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_metadata_comes_back(tmp_path: Path) -> None:
    dense = nn.ModuleList([nn.Linear(4, 4)])
    save_patch(tmp_path / "p", make_patch(dense, dense), {"method": "wanda", "target": "u50"})
    assert load_patch(tmp_path / "p").metadata == {"method": "wanda", "target": "u50"}
