"""The verifier measures sparsity itself and rejects every breach of the contract, naming the tensor."""

import copy

import pytest
import torch
from torch import nn

from prunebench.errors import ContractError
from prunebench.models.linear import prunable_linears
from prunebench.prune.verify import verify_pruned
from prunebench.targets import DENSE, Target
from tests.tiny_models import CONFIGS, tiny_model

HALF = Target.parse("u50")


@pytest.fixture
def dense():
    return tiny_model("llama")


def _halved(dense):
    """Every other weight of every row pruned: right for 50 % and for 2:4."""
    model = copy.deepcopy(dense)
    for view in prunable_linears(model).values():
        view.weight[:, ::2] = 0
    return model


@pytest.mark.parametrize("token", ["u50", "n2m4"])
def test_right_sparsity_is_measured(dense, token):
    sparsity = verify_pruned(dense, _halved(dense), Target.parse(token), "row")
    assert sparsity.measured == sparsity.newly == 0.5
    assert sparsity.blocks == [0.5] * 3


def test_an_unchanged_model_fits_the_dense_target(dense):
    assert verify_pruned(dense, copy.deepcopy(dense), DENSE, None).measured == 0


def test_too_little_pruned_is_rejected(dense):
    with pytest.raises(ContractError, match=r"q_proj: 0 zeros of .* asks for 2048"):
        verify_pruned(dense, copy.deepcopy(dense), HALF, "row")


def test_too_much_pruned_is_rejected(dense):
    pruned = _halved(dense)
    pruned.model.layers[1].mlp.up_proj.weight.zero_()
    with pytest.raises(ContractError, match=r"layers\.1\.mlp\.up_proj: 6144 zeros"):
        verify_pruned(dense, pruned, HALF, "row")


@pytest.mark.parametrize("group", ["outputs", "inputs"])
def test_whole_rows_and_columns_may_be_off_by_one_of_them(dense, group):
    pruned = copy.deepcopy(dense)
    views = prunable_linears(pruned).values()
    for view in views:
        whole = view.weight if group == "outputs" else view.weight.T
        whole[: len(whole) // 2 - 1] = 0
    verify_pruned(dense, pruned, HALF, group)
    view = next(iter(views))
    whole = view.weight if group == "outputs" else view.weight.T
    whole[0] = 1
    with pytest.raises(ContractError, match="q_proj"):
        verify_pruned(dense, pruned, HALF, group)


def test_one_row_off_is_within_the_slack_of_rows_but_not_of_the_matrix(dense):
    pruned = _halved(dense)
    pruned.model.layers[0].self_attn.q_proj.weight[:2, 1::2] = 0  # 64 weights more, one per row
    verify_pruned(dense, pruned, HALF, "row")
    with pytest.raises(ContractError, match="q_proj"):
        verify_pruned(dense, pruned, HALF, "matrix")


def test_zeros_of_the_dense_model_do_not_count_as_pruned(dense):
    for view in prunable_linears(dense).values():
        view.weight[:, ::4] = 0
    sparsity = verify_pruned(dense, _halved(dense), HALF, "row")
    assert (sparsity.measured, sparsity.newly) == (0.5, 0.25)


def test_half_sparse_is_not_yet_2_of_4(dense):
    pruned = copy.deepcopy(dense)
    for view in prunable_linears(pruned).values():
        view.weight[:, : view.weight.shape[1] // 2] = 0
    verify_pruned(dense, pruned, HALF, "row")
    with pytest.raises(ContractError, match=r"fewer than 2 zeros, so it is not 2:4"):
        verify_pruned(dense, pruned, Target.parse("n2m4"), "row")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_weights_are_rejected(dense, bad):
    pruned = _halved(dense)
    pruned.model.layers[2].mlp.down_proj.weight[3, 1] = bad
    with pytest.raises(ContractError, match=r"layers\.2\.mlp\.down_proj has NaN or infinite"):
        verify_pruned(dense, pruned, HALF, "row")


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"])
def test_touching_anything_else_is_rejected(dense, name):
    pruned = _halved(dense)
    pruned.get_parameter(name).view(-1)[0] += 1e-3
    with pytest.raises(ContractError, match=f"{name} was changed"):
        verify_pruned(dense, pruned, HALF, "row")


def test_a_flipped_sign_of_zero_outside_the_linears_is_seen(dense):
    dense.model.norm.weight[0] = 0.0
    pruned = _halved(dense)
    pruned.model.norm.weight[0] = -0.0
    with pytest.raises(ContractError, match=r"model\.norm\.weight was changed"):
        verify_pruned(dense, pruned, HALF, "row")


def test_an_added_module_is_rejected(dense):
    pruned = _halved(dense)
    pruned.model.layers[0].mlp.register_parameter("gain", nn.Parameter(torch.ones(1)))
    with pytest.raises(ContractError, match=r"mlp\.gain was added"):
        verify_pruned(dense, pruned, HALF, "row")


def test_an_added_bias_of_a_pruned_linear_is_allowed(dense):
    pruned = _halved(dense)
    pruned.model.layers[0].mlp.down_proj.bias = nn.Parameter(torch.ones(64))
    verify_pruned(dense, pruned, HALF, "row")


def test_a_changed_dtype_is_rejected(dense):
    pruned = _halved(dense)
    pruned.model.layers[0].mlp.up_proj.to(torch.bfloat16)
    with pytest.raises(ContractError, match=r"up_proj\.weight changed its shape or dtype"):
        verify_pruned(dense, pruned, HALF, "row")


@pytest.mark.parametrize("name", CONFIGS)
def test_models_of_every_architecture_can_be_verified(name):
    dense = tiny_model(name)  # Gemma's have a buffer without dimensions
    assert verify_pruned(dense, _halved(dense), HALF, "row").measured == pytest.approx(0.5, abs=0.02)
