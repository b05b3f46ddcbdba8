"""The description of units: rows and columns of every architecture, checked against how the model itself computes."""

import dataclasses

import pytest
import torch

from prunebench.errors import PrunebenchError
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.linear import prunable_linears
from prunebench.models.units import unit_modules
from tests.tiny_models import tiny_model

# Roles that have more than one row per head are checked by hand here, independently of the description.
HEADS, HEAD_DIM, HIDDEN = 4, 16, 64


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_weight_of_the_blocks_belongs_to_exactly_one_unit(model_type):
    model = tiny_model(model_type)
    seen = {name: torch.zeros(view.weight.shape, dtype=torch.int64) for name, view in prunable_linears(model).items()}
    for module in [module for block in unit_modules(model) for module in block]:
        total = 0
        for linear, rows in module.rows.values():
            seen[linear.name].index_add_(0, rows.flatten(), torch.ones(rows.numel(), linear.weight.shape[1]).long())
            total += rows.numel() * linear.weight.shape[1]
        seen[module.output.name][:, module.columns.flatten()] += 1
        assert module.unit_weights * module.units == total + module.output.weight.numel()
    assert all((count == 1).all() for count in seen.values())


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_a_unit_of_attention_is_a_key_value_head_with_its_queries(model_type):
    attention, mlp = unit_modules(tiny_model(model_type))[1]
    grouped = model_type not in ("opt", "gpt2", "gpt_neox")
    assert (attention.kind, mlp.kind) == ("attention", "mlp")
    assert attention.units == (2 if grouped else 4)
    assert attention.heads_per_unit == HEADS // attention.units
    assert attention.tensor("q").weight.shape == (attention.units, attention.heads_per_unit * HEAD_DIM, HIDDEN)
    assert attention.tensor("v").weight.shape == (attention.units, HEAD_DIM, HIDDEN)
    assert attention.tensor("out").weight.shape == (attention.units, attention.heads_per_unit * HEAD_DIM, HIDDEN)
    assert mlp.tensor("up").weight.shape == (mlp.units, 1, HIDDEN)
    assert mlp.units == (256 if model_type == "gpt2" else 96)


def test_fused_linears_are_taken_apart_as_the_models_do_it():
    """Each against the slicing in the model's own forward: by parts in phi3 and gpt2, by heads in gpt_neox."""
    phi3 = tiny_model("phi3")
    qkv = phi3.model.layers[0].self_attn.qkv_proj.weight
    attention, mlp = unit_modules(phi3)[0]
    q, k, v = qkv.split([64, 32, 32])
    assert torch.equal(attention.tensor("q").weight, q.view(2, 32, 64))
    assert torch.equal(attention.tensor("k").weight, k.view(2, 16, 64))
    assert torch.equal(attention.tensor("v").weight, v.view(2, 16, 64))
    gate, up = phi3.model.layers[0].mlp.gate_up_proj.weight.chunk(2)
    assert torch.equal(mlp.tensor("gate").weight[:, 0], gate)
    assert torch.equal(mlp.tensor("up").weight[:, 0], up)

    gpt2 = tiny_model("gpt2")
    attention, _ = unit_modules(gpt2)[0]
    parts = gpt2.transformer.h[0].attn.c_attn.weight.split(64, dim=1)
    for role, part in zip("qkv", parts, strict=True):
        assert torch.equal(attention.tensor(role).weight, part.T.reshape(4, 16, 64))
    out = gpt2.transformer.h[0].attn.c_proj.weight
    assert torch.equal(attention.tensor("out").weight, out.view(4, 16, 64))

    neox = tiny_model("gpt_neox")
    attention, _ = unit_modules(neox)[0]
    parts = neox.gpt_neox.layers[0].attention.query_key_value.weight.view(4, 48, 64).chunk(3, dim=1)
    for role, part in zip("qkv", parts, strict=True):
        assert torch.equal(attention.tensor(role).weight, part)


def test_what_does_not_fit_is_named():
    model = tiny_model("llama")
    model.model.layers[1].self_attn.k_proj = torch.nn.Linear(64, 48, bias=False)
    with pytest.raises(PrunebenchError, match=r"layers\.1\.self_attn\.k_proj has 48 rows where 2 units with 16 each"):
        unit_modules(model)
    model = tiny_model("llama")
    model.model.layers[2].self_attn.o_proj = torch.nn.Linear(40, 64, bias=False)
    with pytest.raises(PrunebenchError, match=r"o_proj reads 40 channels, .* no multiple of the 32 of one unit"):
        unit_modules(model)


def test_an_entry_with_the_wrong_roles_is_an_error(monkeypatch):
    entry = ARCHITECTURES["llama"]
    mlp = dataclasses.replace(entry.depth_two[1], reads={"mlp.gate_proj": ("gate", "up")})
    monkeypatch.setitem(ARCHITECTURES, "llama", dataclasses.replace(entry, depth_two=(entry.depth_two[0], mlp)))
    with pytest.raises(PrunebenchError, match=r"gate_proj has 96 rows where 96 units with 2 each \(gate, up\)"):
        unit_modules(tiny_model("llama"))


def test_an_unknown_role_names_those_there_are():
    _, mlp = unit_modules(tiny_model("opt"))[0]
    with pytest.raises(PrunebenchError, match=r"mlp has no 'gate'; it has up, out"):
        mlp.tensor("gate")
    with pytest.raises(PrunebenchError, match=r"gradients of up but .* lacks 'gradients'"):
        _ = mlp.tensor("up").grad
