"""One cell: the dense model is left alone, methods get what they ask for, and wrong answers are named."""

import pytest
import torch

from prunebench.errors import ContractError, NotApplicable, PrunebenchError
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import DENSE, Target
from tests.tiny_models import random_ids, tiny_model

HALF = Target.parse("u50")


def _method(tmp_path, body, **header):
    """Write a method file; returns it loaded."""
    fields = {"title": "T", "family": "test", "patterns": ["unstructured", "n:m"], "needs": [], "group": "row"} | header
    (tmp_path / "mine.py").write_text(f"import torch\nMETHOD = {fields!r}\n{body}\n")
    return load_method("mine", [tmp_path])


@pytest.mark.parametrize("name", ["wanda", "sparsegpt", "stade"])
def test_the_dense_model_is_left_alone(name):
    dense, ids = tiny_model("opt"), random_ids()
    before = {key: value.clone() for key, value in dense.state_dict().items()}
    prune_cell(dense, load_method(name, ["methods"]), HALF, ids)
    assert all(torch.equal(value, before[key]) for key, value in dense.state_dict().items())


def test_the_dense_method_changes_nothing():
    dense, ids = tiny_model("llama"), random_ids()
    pruned = prune_cell(dense, load_method("dense", ["methods"]), DENSE, ids).model
    assert torch.equal(pruned(ids).logits, dense(ids).logits)


def test_a_method_that_needs_nothing_never_runs_the_model():
    dense = tiny_model("llama")
    dense.forward = None
    prune_cell(dense, load_method("magnitude", ["methods"]), HALF, random_ids())


def test_parameters_and_notes_reach_the_method(tmp_path):
    body = "def score(weight, inputs, sign, note, layer):\n    note(layer.name[-6:])\n    return sign * weight.abs()"
    method = _method(tmp_path, body, params={"sign": -1.0})
    cell = prune_cell(tiny_model("llama"), method, HALF, random_ids())
    assert cell.notes[0] == "model.layers.0.self_attn.q_proj: q_proj"
    biggest = cell.model.model.layers[0].mlp.up_proj.weight.abs().max()
    assert biggest < tiny_model("llama").model.layers[0].mlp.up_proj.weight.abs().max()


def test_statistics_not_asked_for_are_an_error_that_says_so(tmp_path):
    method = _method(tmp_path, "def score(weight, inputs):\n    return weight * inputs.l2_norm", needs=["gram"])
    with pytest.raises(PrunebenchError, match=r"lacks 'input_sq_norm'"):
        prune_cell(tiny_model("llama"), method, HALF, random_ids())


def test_a_wrong_shape_names_the_layer(tmp_path):
    method = _method(tmp_path, "def score(weight, inputs):\n    return weight[:, :3]")
    with pytest.raises(ContractError, match=r"mine returned a saliency \(64, 3\) for .*q_proj \(64, 64\)"):
        prune_cell(tiny_model("llama"), method, HALF, random_ids())


def test_returning_nothing_names_the_layer(tmp_path):
    method = _method(tmp_path, "def prune_layer(layer, inputs, target):\n    pass")
    with pytest.raises(ContractError, match=r"mine returned a weight NoneType for .*q_proj"):
        prune_cell(tiny_model("llama"), method, HALF, random_ids())


def test_nan_saliency_is_rejected(tmp_path):
    method = _method(tmp_path, "def score(weight, inputs):\n    return weight * float('nan')")
    with pytest.raises(ContractError, match="4096 NaN of 4096"):
        prune_cell(tiny_model("llama"), method, HALF, random_ids())


def test_m_that_does_not_divide_the_inputs_is_not_applicable():
    with pytest.raises(NotApplicable, match=r"2:7 needs a multiple of 7 inputs, .*q_proj has 64"):
        prune_cell(tiny_model("llama"), load_method("magnitude", ["methods"]), Target.parse("n2m7"), random_ids())


def test_a_pattern_the_method_does_not_do_is_an_error():
    with pytest.raises(PrunebenchError, match="wanda does not do 20% structured"):
        prune_cell(tiny_model("llama"), load_method("wanda", ["methods"]), Target.parse("s20"), random_ids())


def test_a_whole_model_method_may_prune_as_it_likes_but_is_verified(tmp_path):
    body = """
def prune_model(model, calibration, target):
    for name, parameter in model.named_parameters():
        if "_proj" in name:
            parameter.view(-1)[::{step}] = 0
"""
    dense, ids = tiny_model("llama"), random_ids()
    assert prune_cell(dense, _method(tmp_path, body.format(step=2)), HALF, ids).sparsity.measured == 0.5
    with pytest.raises(ContractError, match="asks for"):
        prune_cell(dense, _method(tmp_path, body.format(step=3)), HALF, ids)


def test_progress_counts_blocks():
    seen = []
    prune_cell(
        tiny_model("llama"), load_method("wanda", ["methods"]), HALF, random_ids(), progress=lambda *p: seen.append(p)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bit_models_keep_their_dtype_and_prune_exactly(dtype):
    cell = prune_cell(tiny_model("llama", dtype=dtype), load_method("sparsegpt", ["methods"]), HALF, random_ids())
    assert {parameter.dtype for parameter in cell.model.parameters()} == {dtype}
    assert cell.sparsity.measured == pytest.approx(0.5, abs=1e-3)
