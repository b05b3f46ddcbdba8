"""One cell: the dense model is left alone, methods get what they ask for, and wrong answers are named."""

import pytest
import torch

import prunebench.engine.allocation.alphapruning
import prunebench.engine.allocation.owl
import prunebench.prune.cell
from prunebench.engine.shared import DenseFacts
from prunebench.errors import ContractError, NotApplicable, PrunebenchError
from prunebench.models.linear import prunable_linears
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


def test_of_many_notes_a_few_are_kept_and_the_others_counted(tmp_path):
    body = "def score(weight, inputs, layer, note):\n    note('seen')\n    return weight.abs()"
    cell = prune_cell(tiny_model("llama"), _method(tmp_path, body), HALF, random_ids())
    linears = len(prunable_linears(tiny_model("llama")))
    assert len(cell.notes) == 9
    assert cell.notes[0].endswith(": seen")
    assert cell.notes[-1] == f"and {linears - 8} more notes"


def test_a_saliency_of_no_float_type_breaks_the_contract(tmp_path):
    method = _method(tmp_path, "def score(weight, inputs):\n    return weight > 0")
    with pytest.raises(ContractError, match=r"saliency is of torch\.bool"):
        prune_cell(tiny_model("llama"), method, HALF, random_ids())


@pytest.mark.parametrize("spec", ["gblm", "wanda@allocation=owl", "wanda@allocation=alphapruning"])
def test_what_is_known_of_the_dense_model_is_found_out_once_and_changes_nothing(spec, monkeypatch):
    dense, ids, facts = tiny_model("llama"), random_ids(), DenseFacts()
    method = load_method(spec, ["methods"])
    alone = [prune_cell(dense, method, Target.parse(token), ids).model for token in ("u50", "u70")]
    first = prune_cell(dense, method, Target.parse("u50"), ids, facts=facts).model
    assert facts.seconds_saved == 0
    for module in (prunebench.prune.cell, prunebench.engine.allocation.owl, prunebench.engine.allocation.alphapruning):
        for name in ("dense_gradients", "outlier_ratio", "tail_exponent"):
            monkeypatch.setattr(module, name, None, raising=False)
    second = prune_cell(dense, method, Target.parse("u70"), ids, facts=facts).model
    assert facts.seconds_saved > 0
    for ours, expected in zip((first, second), alone, strict=True):
        for name, tensor in expected.state_dict().items():
            assert torch.equal(ours.state_dict()[name], tensor), name


@pytest.mark.parametrize("allocation", ["owl", "alphapruning"])
def test_facts_about_some_layers_are_not_taken_for_those_about_others(allocation):
    dense, ids, facts = tiny_model("llama"), random_ids(), DenseFacts()
    prune_cell(dense, load_method(f"wanda@allocation={allocation}", ["methods"]), HALF, ids, facts=facts)
    method = load_method(f"wanda@allocation={allocation},only=down_proj", ["methods"])
    ours, alone = (prune_cell(dense, method, HALF, ids, facts=known).notes for known in (facts, None))
    assert facts.seconds_saved == 0
    assert ours == alone
