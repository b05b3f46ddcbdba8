"""Patches of models that lost heads and channels: the same bits, the same logits, and the counts that go with them."""

import copy
from pathlib import Path

import pytest
import torch

from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.units import unit_modules
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.format import load_patch, save_patch
from prunebench.sparsity.units import remove_units
from tests.patches.same import differing_tensors
from tests.tiny_models import random_ids, tiny_model


def unevenly_removed(dense):
    """Another number of units from each module."""
    pruned = copy.deepcopy(dense)
    for index, block in enumerate(unit_modules(pruned)):
        for module in block:
            count = module.units * (index + 1) // 6 if module.kind == "mlp" else (index + 1) % module.units
            remove_units(module, torch.arange(module.units) < count)
    return pruned


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_models_that_lost_units_come_back(tmp_path: Path, model_type: str, dtype: torch.dtype) -> None:
    dense, ids = tiny_model(model_type, dtype=dtype), random_ids()
    pruned = unevenly_removed(dense)
    pruned.get_submodule(unit_modules(pruned)[0][1].output.name).bias = torch.nn.Parameter(torch.ones(64, dtype=dtype))
    save_patch(tmp_path / "patch", make_patch(dense, pruned), {})
    model = copy.deepcopy(dense)
    apply_patch(model, load_patch(tmp_path / "patch"))
    assert differing_tensors(model, pruned) == []
    assert torch.equal(model(ids).logits, pruned(ids).logits)
    settings = {"do_sample": False, "max_new_tokens": 5, "pad_token_id": 0}
    assert torch.equal(model.generate(ids, **settings), pruned.generate(ids, **settings))
    assert repr(model) == repr(pruned)


def test_counts_are_stored_once_and_only_where_they_changed() -> None:
    dense = tiny_model("opt")
    steps = make_patch(dense, unevenly_removed(dense)).steps
    counts = [(step["module"], step["name"], step["value"]) for step in steps if step["step"] == "count"]
    assert counts == [(f"model.decoder.layers.{i}.self_attn", "num_heads", 3 - i) for i in range(3)]


def test_a_layers_own_config_comes_back_and_the_models_stays() -> None:
    dense = tiny_model("phi3")
    model = copy.deepcopy(dense)
    apply_patch(model, make_patch(dense, unevenly_removed(dense)))
    layers = model.model.layers
    assert [layer.self_attn.config.num_attention_heads for layer in layers] == [2, 4, 2]
    assert [layer.self_attn.num_key_value_heads for layer in layers] == [1, 2, 1]
    assert model.config.num_attention_heads == dense.config.num_attention_heads == 4
    assert layers[1].self_attn.config is model.config


def test_a_change_of_the_models_own_config_is_one_step() -> None:
    dense = tiny_model("llama")
    pruned = copy.deepcopy(dense)
    pruned.config.intermediate_size = 80
    (step,) = make_patch(dense, pruned).steps
    assert (step["module"], step["in"], step["name"], step["value"]) == ("", "config", "intermediate_size", 80)
    model = copy.deepcopy(dense)
    apply_patch(model, make_patch(dense, pruned))
    assert model.config.intermediate_size == model.model.config.intermediate_size == 80
