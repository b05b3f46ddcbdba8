"""Layer-selective pruning and allocations: what each linear is pruned to, and that the verifier knows."""

import re

import pytest
import torch

from prunebench.errors import ContractError, NotApplicable, PrunebenchError
from prunebench.models.linear import block_linears, prunable_linears
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.prune.verify import verify_pruned
from prunebench.targets import Target
from tests.tiny_models import random_ids, tiny_model


def cell(dense, spec, token="u50"):
    return prune_cell(dense, load_method(spec, ["methods"]), Target.parse(token), random_ids())


def uneven():
    """A model whose blocks differ in outliers and spectra."""
    dense = tiny_model("llama")
    for index, groups in enumerate(block_linears(dense)):
        for view in [view for group in groups for view in group]:
            view.weight[: 4 + 4 * index, : 2 + index] *= 12
    return dense


def zeros_by_layer(model):
    return {name: (view.weight == 0).float().mean().item() for name, view in prunable_linears(model).items()}


@pytest.mark.parametrize("method", ["wanda", "std", "sparsegpt"])
@pytest.mark.parametrize("token", ["u50", "u90", "n2m4"])
def test_only_the_named_layers_are_pruned(method, token):
    dense = tiny_model("llama")
    pruned = cell(dense, f"{method}@only=o_proj+mlp.down_proj", token)
    target, before = Target.parse(token), prunable_linears(dense)
    named = 0
    for name, view in prunable_linears(pruned.model).items():
        if name.endswith(("o_proj", "down_proj")):
            assert (view.weight == 0).float().mean().item() == pytest.approx(target.sparsity, abs=0.02)
            named += view.weight.numel()
        else:
            assert torch.equal(view.weight, before[name].weight)
            assert view.bias is None
    share = named / sum(view.weight.numel() for view in before.values())
    assert pruned.sparsity.target == pytest.approx(share * target.sparsity)
    assert pruned.sparsity.measured == pytest.approx(share * target.sparsity, abs=0.02)
    assert pruned.notes[0] == f"only o_proj, mlp.down_proj: {share:.1%} of the prunable weights"


def test_statistics_are_those_of_the_layers_pruned_so_far():
    """The first block's o_proj reads what it always reads; the second's reads what the pruned first one gives."""
    dense = tiny_model("llama")
    some, every = cell(dense, "wanda@only=o_proj"), cell(dense, "wanda")
    first, second = "model.layers.0.self_attn.o_proj", "model.layers.1.self_attn.o_proj"
    some, every = prunable_linears(some.model), prunable_linears(every.model)
    assert torch.equal(some[first].weight, every[first].weight)
    assert not torch.equal(some[second].weight, every[second].weight)


@pytest.mark.parametrize(("name", "known"), [("o_porj", "self_attn.o_proj"), ("proj", "mlp.down_proj")])
def test_an_unknown_layer_is_an_error_that_names_the_layers(name, known):
    with pytest.raises(PrunebenchError, match=rf"only={name}: .*layers are .*{re.escape(known)}"):
        cell(tiny_model("llama"), f"wanda@only={name}")


def test_the_verifier_rejects_changes_where_nothing_was_to_be_pruned():
    dense = tiny_model("llama")
    pruned = cell(dense, "wanda").model
    targets = {name: Target.parse("u50") for name in prunable_linears(dense) if name.endswith("o_proj")}
    with pytest.raises(ContractError, match=r"weight was changed"):
        verify_pruned(dense, pruned, Target.parse("u50"), "row", targets)


def blocks_of(pruned):
    return pruned.sparsity.blocks


@pytest.mark.parametrize("allocation", ["owl", "alphapruning"])
@pytest.mark.parametrize("method", ["wanda", "magnitude", "sparsegpt", "stade"])
@pytest.mark.parametrize("token", ["u50", "u70", "u95"])
def test_blocks_differ_and_their_mean_is_the_targets(allocation, method, token):
    pruned = cell(uneven(), f"{method}@allocation={allocation}", token)
    wanted = Target.parse(token).sparsity
    assert pruned.sparsity.target == pytest.approx(wanted, abs=1e-9)
    assert pruned.sparsity.measured == pytest.approx(wanted, abs=0.02)
    assert max(blocks_of(pruned)) - min(blocks_of(pruned)) > 0.02
    assert pruned.notes[0].startswith(f"allocation {allocation}, block by block: ")


def test_every_layer_of_a_block_gets_the_blocks_sparsity():
    pruned = cell(uneven(), "magnitude@allocation=owl", "u60")
    for views, sparsity in zip(block_linears(pruned.model), blocks_of(pruned), strict=True):
        for view in [view for group in views for view in group]:
            assert (view.weight == 0).float().mean().item() == pytest.approx(sparsity, abs=2e-3)


@pytest.mark.parametrize("method", ["wanda", "sparsegpt", "dsnot", "admm"])
def test_n_of_m_varies_by_block_with_n_on_average(method):
    pruned = cell(uneven(), f"{method}@allocation=alphapruning", "n8m16")
    counts = []
    for views in block_linears(pruned.model):
        zeros = {
            int(count)
            for group in views
            for view in group
            for count in (view.weight == 0).reshape(-1, 16).sum(1).unique()
        }
        assert len(zeros) == 1, "every group of a block has the same N"
        counts += zeros
    assert sum(counts) == 8 * len(counts)
    assert len(set(counts)) > 1
    assert pruned.sparsity.measured == 0.5


@pytest.mark.parametrize("token", ["u50", "n2m4"])
def test_uniform_is_what_happens_anyway(token):
    dense = tiny_model("llama")
    plain, uniform = cell(dense, "wanda", token), cell(dense, "wanda@allocation=uniform", token)
    assert uniform.notes == []
    for name, tensor in plain.model.state_dict().items():
        assert torch.equal(tensor, uniform.model.state_dict()[name])


def test_both_can_be_combined():
    pruned = cell(uneven(), "wanda@only=down_proj,allocation=owl", "u50")
    zeros = zeros_by_layer(pruned.model)
    chosen = [share for name, share in zeros.items() if name.endswith("down_proj")]
    assert sum(chosen) / len(chosen) == pytest.approx(0.5, abs=0.02)
    assert max(chosen) - min(chosen) > 0.02
    assert all(share == 0 for name, share in zeros.items() if not name.endswith("down_proj"))


@pytest.mark.parametrize("token", ["n3m5", "n2m6", "n1m7"])
def test_groups_that_do_not_divide_the_inputs_are_not_applicable(token):
    with pytest.raises(NotApplicable, match=rf"a multiple of {Target.parse(token).m} inputs, model\.\S+q_proj has 64$"):
        cell(tiny_model("llama"), "wanda", token)


def test_only_the_layers_to_be_pruned_need_the_right_number_of_inputs():
    assert cell(tiny_model("llama"), "wanda@only=down_proj", "n2m6").sparsity.measured > 0  # 96 inputs
    with pytest.raises(NotApplicable, match="o_proj has 64"):
        cell(tiny_model("llama"), "wanda@only=o_proj", "n2m6")


@pytest.mark.parametrize("token", ["n1m2", "n3m4", "n7m8", "n5m16", "n31m32", "u01", "u05", "u95", "u99"])
@pytest.mark.parametrize("method", ["wanda", "movement", "dsnot"])
def test_odd_levels_and_patterns(method, token):
    target = Target.parse(token)
    assert cell(tiny_model("llama"), method, token).sparsity.measured == pytest.approx(target.sparsity, abs=0.016)


@pytest.mark.parametrize("method", ["gblm", "pruner_zero"])
@pytest.mark.parametrize("family", ["llama", "opt", "gpt2"])
def test_gradients_reach_the_methods_that_ask_for_them(method, family):
    pruned = cell(tiny_model(family), method)
    assert pruned.sparsity.measured == pytest.approx(0.5, abs=0.01)
    wanda = cell(tiny_model(family), "wanda")
    assert zeros_by_layer(pruned.model).keys() == zeros_by_layer(wanda.model).keys()
    differing = [
        not torch.equal(view.weight == 0, prunable_linears(wanda.model)[name].weight == 0)
        for name, view in prunable_linears(pruned.model).items()
    ]
    assert sum(differing) > len(differing) / 2
