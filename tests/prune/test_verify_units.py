"""The verifier of structured pruning believes nobody: kept weights, everything else, and how much is gone."""

import copy

import pytest
import torch
from torch import nn

from prunebench.errors import ContractError
from prunebench.models.units import unit_modules
from prunebench.prune.verify_units import verify_structured
from prunebench.sparsity.units import remove_units
from prunebench.targets import Target
from tests.tiny_models import tiny_model

S30 = Target.parse("s30")


def pruned_by_hand(model_type="llama", count=48):
    """Half the channels of each MLP are gone: 30 % of a tiny Llama's weights."""
    dense = tiny_model(model_type)
    pruned, kept = copy.deepcopy(dense), {}
    for attention, mlp in unit_modules(pruned):
        gone = torch.arange(mlp.units) % (mlp.units // count) == 0
        kept[attention.name], kept[mlp.name] = torch.ones(attention.units, dtype=torch.bool), ~gone
        remove_units(mlp, gone)
    return dense, pruned, kept


def test_what_is_right_is_measured():
    dense, pruned, kept = pruned_by_hand()
    sparsity = verify_structured(dense, pruned, S30, kept, "none")
    assert sparsity.measured == pytest.approx(0.3)
    assert sparsity.blocks == pytest.approx([0.3] * 3)
    assert sparsity.size.dense_embeddings == sparsity.size.embeddings == 2 * 97 * 64
    assert sparsity.size.dense_parameters - sparsity.size.parameters == 3 * 48 * 3 * 64


def test_tied_embeddings_count_once_and_learned_positions_count():
    dense, pruned, kept = pruned_by_hand("gpt2", 128)
    size = verify_structured(dense, pruned, Target("structured", 1 / 3), kept, "none").size
    assert size.embeddings == 97 * 64 + 128 * 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.model.layers[1].mlp.up_proj.weight.view(-1)[5].add_(1e-3), r"layers\.1\.mlp\.up_proj .*not what"),
        (lambda m: m.model.layers[1].mlp.down_proj.weight.view(-1)[5].add_(1e-3), r"down_proj .*is not what the units"),
        (lambda m: m.model.layers[0].self_attn.v_proj.weight.neg_(), r"layers\.0\.self_attn\.v_proj"),
        (lambda m: m.model.norm.weight[0].add_(1), r"model\.norm\.weight was changed"),
        (lambda m: m.lm_head.weight[3, 3].add_(1), r"lm_head\.weight was changed"),
        (lambda m: m.model.layers[2].mlp.gate_proj.weight[0, 0].fill_(torch.nan), r"gate_proj.weight has NaN"),
        (
            lambda m: setattr(m.model.layers[0].mlp.down_proj, "bias", nn.Parameter(torch.ones(64))),
            r"the bias of model\.layers\.0\.mlp\.down_proj was added",
        ),
        (lambda m: m.model.layers[0].mlp.to(torch.bfloat16), "changed its shape or dtype"),
    ],
)
def test_breaches_are_named(change, message):
    dense, pruned, kept = pruned_by_hand()
    change(pruned)
    with pytest.raises(ContractError, match=message):
        verify_structured(dense, pruned, S30, kept, "none")


def test_other_units_than_those_said_to_be_kept_are_found():
    dense, pruned, kept = pruned_by_hand()
    name = "model.layers.1.mlp"
    kept[name] = ~kept[name]
    with pytest.raises(ContractError, match=r"weight of model\.layers\.1\.mlp\.gate_proj .* not what the units"):
        verify_structured(dense, pruned, S30, kept, "none")


def test_each_compensation_may_change_its_own_part_of_the_exit_and_no_more():
    dense, pruned, kept = pruned_by_hand()
    exit_ = pruned.model.layers[1].mlp.down_proj
    exit_.bias = nn.Parameter(torch.ones(64), requires_grad=False)
    verify_structured(dense, pruned, S30, kept, "bias")
    with pytest.raises(ContractError, match=r"bias of .*down_proj was added"):
        verify_structured(dense, pruned, S30, kept, "least_squares")
    exit_.bias = None
    exit_.weight.mul_(1.1)
    verify_structured(dense, pruned, S30, kept, "least_squares")
    with pytest.raises(ContractError, match=r"weight of .*down_proj"):
        verify_structured(dense, pruned, S30, kept, "bias")


@pytest.mark.parametrize("token", ["s20", "s28", "s32", "s40"])
def test_another_share_than_the_targets_is_rejected(token):
    dense, pruned, kept = pruned_by_hand()
    with pytest.raises(ContractError, match=rf"30\.00% of the weights .* target {token} asks for"):
        verify_structured(dense, pruned, Target.parse(token), kept, "none")


def test_a_modules_compensation_needs_a_loss():
    dense, pruned, kept = pruned_by_hand()
    exit_ = pruned.model.layers[1].self_attn.o_proj  # it has lost nothing
    exit_.weight.mul_(1.1)
    with pytest.raises(ContractError, match=r"weight of .*o_proj"):
        verify_structured(dense, pruned, S30, kept, "least_squares")


def test_recovery_may_change_the_modules_that_were_to_lose_units_only():
    dense, pruned, kept = pruned_by_hand()
    pruned.model.layers[1].self_attn.q_proj.weight.mul_(1.1)
    verify_structured(dense, pruned, S30, kept, "two_step", (), {*kept})
    with pytest.raises(ContractError, match=r"weight of .*layers\.1\.self_attn\.q_proj"):
        verify_structured(dense, pruned, S30, kept, "two_step", (), {*kept} - {"model.layers.1.attention"})


def test_a_whole_model_method_is_held_to_the_target_and_to_finite_values():
    dense, pruned, _ = pruned_by_hand()
    assert verify_structured(dense, pruned, S30, {}, "none").measured == pytest.approx(0.3)
    with pytest.raises(ContractError, match="s60 asks for"):
        verify_structured(dense, pruned, Target.parse("s60"), {}, "none")
