"""LaCo against the paper's algorithm written out in float64 on whole models."""

import copy
import re

import pytest
import torch

from prunebench.errors import NotApplicable, PrunebenchError
from prunebench.models.architectures import ARCHITECTURES, architecture_of
from prunebench.models.linear import prunable_linears
from tests.methods.whole import assert_comes_back, assert_generates_alike, deep_model, prune
from tests.tiny_models import random_ids


def by_hand(dense, wanted, layers, interval, threshold, rule):
    """The paper's Algorithm 1: a list of (index of the dense layer below, its linears' tensors in float64)."""
    linears = prunable_linears(dense)
    container = architecture_of(dense).container
    ids = random_ids()[:, :64]

    def tensors(index):
        prefix = f"{container}.{index}."
        found = {}
        for name, view in linears.items():
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] = (
                    view.weight.double(),
                    None if view.bias is None else view.bias.double(),
                )
        return found

    def merge(stack, low, extra):
        base, below = stack[low]
        result = {}
        for name, parts in below.items():
            total = list(parts)
            for k in range(1, extra + 1):
                for i, part in enumerate(parts):
                    if part is not None:
                        total[i] = total[i] + (stack[low + k][1][name][i] - (part if rule == "sum" else total[i]))
            result[name] = tuple(total)
        return [*stack[:low], (base, result), *stack[low + extra + 1 :]]

    def states(stack):
        model = copy.deepcopy(dense)
        views, kept = prunable_linears(model), [base for base, _ in stack]
        for base, parts in stack:
            for name, (weight, bias) in parts.items():
                views[f"{container}.{base}.{name}"].write(weight, bias)
        for index, (_, block) in enumerate(architecture_of(model).blocks(model)):
            if index not in kept:  # skipped
                block.register_forward_hook(
                    lambda m, a, k, y: (
                        ((a[0] if a else k["hidden_states"]), *y[1:])
                        if isinstance(y, tuple)
                        else (a[0] if a else k["hidden_states"])
                    ),
                    with_kwargs=True,
                )
        return model.base_model(ids, use_cache=False).last_hidden_state.double()

    stack = [(index, tensors(index)) for index in range(6)]
    reference = states(stack)
    low = 6 - layers
    while low >= 0 and len(stack) > 6 - wanted:
        extra = min(layers - 1, len(stack) - 1 - low, len(stack) - 6 + wanted)
        candidate = merge(stack, low, extra)
        cosines = [
            (a.flatten() @ b.flatten() / a.norm() / b.norm()).item()
            for a, b in zip(reference, states(candidate), strict=True)
        ]
        if sum(cosines) / len(cosines) > threshold:
            stack, low = candidate, low - interval
            if low > len(stack) - layers:
                low = len(stack) - layers
        else:
            low -= 1
    return stack


@pytest.mark.parametrize("rule", ["sum", "last"])
@pytest.mark.parametrize(("layers", "interval"), [(4, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt", "gemma2"])
def test_the_algorithm_in_double_precision(model_type, layers, interval, rule):
    dense = deep_model(model_type, seed=layers)
    cell = prune(dense, f"laco@layers={layers},interval={interval},merge={rule}", "s50")
    threshold = float(re.search(r"threshold (-?[\d.]+)", cell.notes[0])[1])
    stack = by_hand(dense, 3, layers, interval, threshold, rule)
    assert len(stack) == 3
    found = prunable_linears(cell.model)
    for index, (_, parts) in enumerate(stack):
        for name, (weight, bias) in parts.items():
            view = found[f"{architecture_of(dense).container}.{index}.{name}"]
            assert torch.allclose(view.weight.double(), weight, atol=1e-6)
            assert (view.bias is None) == (bias is None)
            if bias is not None:
                assert torch.allclose(view.bias.double(), bias, atol=1e-6)
    if threshold < 0.95:  # the next higher one does not get there
        assert len(by_hand(dense, 3, layers, interval, threshold + 0.05, rule)) > 3


def test_differences_are_added_and_do_not_telescope():
    dense = deep_model("llama")
    model = prune(dense, "laco@threshold=-1.0,merge=sum", "s50").model
    blocks = [block.mlp.up_proj.weight.double() for block in dense.model.layers]
    wanted = blocks[2] + sum(block - blocks[2] for block in blocks[3:])
    assert torch.allclose(model.model.layers[2].mlp.up_proj.weight.double(), wanted, atol=1e-6)
    assert not torch.allclose(wanted, blocks[5], atol=1e-3)
    for index in (0, 1):
        assert torch.equal(model.model.layers[index].mlp.up_proj.weight, dense.model.layers[index].mlp.up_proj.weight)


def test_as_released_the_last_layer_replaces_the_first_but_for_its_norms():
    dense = deep_model("llama")
    for layer in dense.model.layers:
        layer.input_layernorm.weight.uniform_(0.5, 1.5)
    found, layers = prune(dense, "laco@threshold=-1.0", "s50").model.model.layers, dense.model.layers
    assert torch.equal(found[2].mlp.up_proj.weight, layers[5].mlp.up_proj.weight)
    assert torch.equal(found[2].self_attn.q_proj.weight, layers[5].self_attn.q_proj.weight)
    assert torch.equal(found[2].input_layernorm.weight, layers[2].input_layernorm.weight)


def test_two_layers_merge_alike_either_way():
    models = [prune(deep_model("llama"), f"laco@layers=2,merge={rule}", "s33").model for rule in ("sum", "last")]
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_generation_with_and_without_cache_agree(model_type):
    model = prune(deep_model(model_type), "laco@layers=2,threshold=0.5", "s50").model
    assert model.config.num_hidden_layers == 3
    assert_generates_alike(model)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_patches_and_exports_come_back(tmp_path, model_type):
    spec = "laco@layers=2,interval=3,threshold=-1.0"
    assert_comes_back(tmp_path, deep_model(model_type, dtype=torch.bfloat16), spec, "s33", plain=True)


@pytest.mark.parametrize(
    "variant",
    ["step=0.0", "step=-0.05", "step=1e-12", "step=1e999", "threshold=1e999", "layers=1", "texts=0", "tokens=0"],
)
def test_values_that_make_no_sense_are_refused_and_do_not_run_for_ever(variant):
    with pytest.raises(PrunebenchError, match=r"laco: threshold is in \[-1, 1\], step in \[0\.001, 2\], layers is 2"):
        prune(deep_model("llama"), f"laco@{variant}", "s50")


def test_what_no_sweep_reaches_is_not_applicable():
    with pytest.raises(NotApplicable, match=r"merges 4 of 6 away"):
        prune(deep_model("llama"), "laco@layers=2,interval=5", "s67")


@pytest.mark.parametrize(("layers", "token", "which"), [(1, "s50", "none"), (1, "s90", "all"), (2, "s20", "none")])
def test_models_of_one_or_two_blocks_keep_some_and_lose_some(layers, token, which):
    with pytest.raises(NotApplicable, match=rf"of {layers} blocks is nearest to {which}"):
        prune(deep_model("llama", layers), "laco", token)


def test_one_of_two_blocks_can_go():
    cell = prune(deep_model("llama", 2), "laco@threshold=-1.0", "s50")
    assert cell.model.config.num_hidden_layers == 1
    assert_generates_alike(cell.model)
