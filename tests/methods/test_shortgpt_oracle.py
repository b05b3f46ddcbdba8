"""ShortGPT: the least influential blocks go, as if they had been skipped, and everybody knows the new numbers."""

import math
import re

import numpy as np
import pytest
import torch

from prunebench.errors import NotApplicable
from prunebench.models.architectures import ARCHITECTURES, architecture_of
from tests.methods.whole import assert_comes_back, assert_generates_alike, deep_model, prune
from tests.tiny_models import random_ids, tiny_model


def with_idle_blocks(model_type, idle, dtype=torch.float32):
    """Six blocks, of which some add next to nothing to the hidden states."""
    dense = deep_model(model_type, dtype=dtype)
    for index, (_, block) in enumerate(architecture_of(dense).blocks(dense)):
        for name, parameter in block.named_parameters():
            if any(f".{part}" in f".{name}" for part in ("o_proj", "out_proj", "c_proj", "dense", "down_proj", "fc2")):
                parameter.mul_(0.05 if index in idle else 3.0)
            if "gemma" in model_type and name.startswith("post_") and index in idle:
                parameter.sub_(1)  # which scales by 1 + weight what the block adds
    return dense


def dropped(cell):
    return [int(n) for n in re.search(r"dropped blocks ([\d ]+) of 6", cell.notes[0])[1].split()]


def influence_by_hand(model, ids):
    """BI in double precision, token by token, from what forward hooks see."""
    seen = []

    def listen(module, args, kwargs, output):
        x = args[0] if args else kwargs["hidden_states"]
        y = output[0] if isinstance(output, tuple) else output
        seen.append((x.double().numpy().reshape(-1, 64), y.double().numpy().reshape(-1, 64)))

    blocks = [block for _, block in architecture_of(model).blocks(model)]
    hooks = [block.register_forward_hook(listen, with_kwargs=True) for block in blocks]
    model(ids, use_cache=False)
    for hook in hooks:
        hook.remove()
    return [
        1 - math.fsum(x @ y / math.sqrt(x @ x) / math.sqrt(y @ y) for x, y in zip(X, Y, strict=True)) / len(X)
        for X, Y in seen
    ]


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_the_blocks_of_lowest_influence_go(model_type):
    dense = deep_model(model_type, seed=3)
    influence = influence_by_hand(dense, random_ids())
    cell = prune(dense, "shortgpt", "s33")
    assert dropped(cell) == sorted(np.argsort(influence)[:2].tolist())
    assert cell.sparsity.measured == pytest.approx(1 / 3)
    assert sum(cell.sparsity.blocks) == 0


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_dropped_blocks_are_skipped_blocks(model_type):
    dense = with_idle_blocks(model_type, (1, 4))
    cell = prune(dense, "shortgpt", "s30")
    assert dropped(cell) == [1, 4]

    def skip(module, args, kwargs, output):
        x = args[0] if args else kwargs["hidden_states"]
        return (x, *output[1:]) if isinstance(output, tuple) else x

    for index in (1, 4):
        block = architecture_of(dense).blocks(dense)[index][1]
        block.register_forward_hook(skip, with_kwargs=True)
    wanted, found = dense(random_ids()).logits, cell.model(random_ids()).logits
    assert torch.equal(wanted, found)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_generation_with_and_without_cache_agree(model_type):
    dense = with_idle_blocks(model_type, (0, 3))
    cell = prune(dense, "shortgpt", "s30")
    model, gone = cell.model, dropped(cell)
    assert model.config.num_hidden_layers == 4
    for index, (_, block) in enumerate(architecture_of(model).blocks(model)):
        numbers = {module.layer_idx for module in block.modules() if hasattr(module, "layer_idx")}
        assert numbers == {index}
    if types := getattr(dense.config, "layer_types", None):
        assert model.config.layer_types == [types[index] for index in range(6) if index not in gone]
    assert_generates_alike(model)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_patches_and_exports_come_back(tmp_path, model_type, dtype):
    dense = with_idle_blocks(model_type, (2, 3), dtype)
    assert_comes_back(tmp_path, dense, "shortgpt", "s30", plain=True)


@pytest.mark.parametrize(("token", "count"), [("s10", 1), ("s20", 1), ("s40", 2), ("s60", 4), ("s90", 5)])
def test_as_many_go_as_come_nearest(token, count):
    assert len(dropped(prune(deep_model("llama"), "shortgpt", token))) == count


def test_too_few_blocks_are_not_applicable():
    with pytest.raises(NotApplicable, match="10% structured of 3 blocks is nearest to none"):
        prune(tiny_model("llama"), "shortgpt", "s10")


def test_attention_scaled_by_its_number_is_not_applicable():
    dense = tiny_model("gpt2")
    dense.config.scale_attn_by_inverse_layer_idx = True
    with pytest.raises(NotApplicable, match="by its own number"):
        prune(dense, "shortgpt", "s30")


@pytest.mark.parametrize(("layers", "token", "which"), [(1, "s50", "none"), (1, "s90", "all"), (2, "s20", "none")])
def test_models_of_one_or_two_blocks_keep_some_and_lose_some(layers, token, which):
    with pytest.raises(NotApplicable, match=rf"of {layers} blocks is nearest to {which}"):
        prune(deep_model("llama", layers), "shortgpt", token)


def test_one_of_two_blocks_can_go():
    cell = prune(deep_model("llama", 2), "shortgpt", "s50")
    assert cell.model.config.num_hidden_layers == 1
    assert_generates_alike(cell.model)
