"""A removed unit is a silenced unit: same logits, with and without cache, for every architecture of the table."""

import copy

import pytest
import torch

from prunebench.errors import ContractError
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.linear import prunable_linears
from prunebench.models.units import unit_modules
from prunebench.sparsity.units import remove_units, zero_units
from tests.tiny_models import random_ids, tiny_model


def chosen(model, seed=0):
    """For each module units to go, of another number in each block, never all; by name."""
    generator = torch.Generator().manual_seed(seed)
    gone = {}
    for index, block in enumerate(unit_modules(model)):
        for module in block:
            count = module.units * (index + 1) // 6 if module.kind == "mlp" else (index + 1) % module.units
            gone[module.name] = torch.zeros(module.units, dtype=torch.bool)
            gone[module.name][torch.randperm(module.units, generator=generator)[:count]] = True
    return gone


def without(model, gone, how):
    """A copy from which units are gone."""
    changed = copy.deepcopy(model)
    for module in [module for block in unit_modules(changed) for module in block]:
        how(module, gone[module.name])
    return changed


def silenced_by_hooks(model, gone):
    """What silencing means, written without the description: channels of the exits' inputs are set to zero."""
    changed = copy.deepcopy(model)
    exits = {
        "attention": ("self_attn.o_proj", "self_attn.dense", "self_attn.out_proj", "attn.c_proj", "attention.dense"),
        "mlp": ("mlp.down_proj", "mlp.fc2", "fc2", "mlp.c_proj", "mlp.dense_4h_to_h"),
    }
    for name, which in gone.items():
        block_name, _, kind = name.rpartition(".")
        block = changed.get_submodule(block_name)
        exit_name = next(path for path in exits[kind] if path in dict(block.named_modules()))

        def silence(module, args, which=which):
            x = args[0].clone()
            x.view(*x.shape[:-1], len(which), -1)[..., which, :] = 0
            return (x,)

        block.get_submodule(exit_name).register_forward_pre_hook(silence)
    return changed


@pytest.mark.parametrize("attention", ["default", "eager"])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_removing_is_silencing(model_type, attention):
    model, ids = tiny_model(model_type), random_ids()
    if attention == "eager":
        model.set_attn_implementation("eager")
    gone = chosen(model)
    removed = without(model, gone, remove_units)
    wanted = silenced_by_hooks(model, gone)(ids).logits
    torch.testing.assert_close(without(model, gone, zero_units)(ids).logits, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(removed(ids).logits, wanted, rtol=1e-5, atol=1e-5)
    assert (model(ids).logits - wanted).abs().max() > 1e-3
    assert sum(p.numel() for p in removed.parameters()) < 0.85 * sum(p.numel() for p in model.parameters())


# Elsewhere there are as many groups as queries in a group, and all heads together are as wide as the hidden states:
# here one cannot stand in for the other.
UNLIKE = {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16}


@pytest.mark.parametrize("config", [UNLIKE, UNLIKE | {"num_key_value_heads": 4}, UNLIKE | {"num_key_value_heads": 1}])
@pytest.mark.parametrize("model_type", [name for name in ARCHITECTURES if name not in ("opt", "gpt2", "gpt_neox")])
def test_removing_is_silencing_however_heads_are_grouped(model_type, config):
    model, ids = tiny_model(model_type, **config), random_ids()
    gone = chosen(model)
    attention = unit_modules(model)[0][0]
    assert (attention.units, attention.heads_per_unit) == (config["num_key_value_heads"], 8 // attention.units)
    removed = without(model, gone, remove_units)
    wanted = silenced_by_hooks(model, gone)(ids).logits
    torch.testing.assert_close(without(model, gone, zero_units)(ids).logits, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(removed(ids).logits, wanted, rtol=1e-5, atol=1e-5)
    assert (model(ids).logits - wanted).abs().max() > 1e-3


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_one_head_alone_can_be_left(model_type):
    model, ids = tiny_model(model_type), random_ids()
    gone = {name: torch.arange(len(which)) > 0 for name, which in chosen(model).items()}
    removed = without(model, gone, remove_units)
    torch.testing.assert_close(removed(ids).logits, silenced_by_hooks(model, gone)(ids).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_generation_with_and_without_cache_agree_after_removal(model_type):
    removed = without(tiny_model(model_type), chosen(tiny_model(model_type)), remove_units)
    ids = random_ids(2, 12)
    settings = {"do_sample": False, "max_new_tokens": 12, "min_new_tokens": 12, "pad_token_id": 0}
    cached = removed.generate(ids, use_cache=True, **settings)
    assert torch.equal(cached, removed.generate(ids, use_cache=False, **settings))
    # Not only the words: each step's scores from the cache are those of a whole forward.
    past = removed(ids, use_cache=True).past_key_values
    step = removed(cached[:, 12:13], past_key_values=past).logits[:, -1]
    torch.testing.assert_close(step, removed(cached[:, :13]).logits[:, -1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_a_pruned_model_can_be_pruned_again(model_type):
    model, ids = tiny_model(model_type), random_ids()
    first = chosen(model)
    twice = copy.deepcopy(model)
    gone = copy.deepcopy(first)
    for module in [module for block in unit_modules(twice) for module in block]:
        remove_units(module, first[module.name])
    for module in [module for block in unit_modules(twice) for module in block]:
        if module.units > 1:
            last = torch.arange(module.units) == module.units - 1
            remove_units(module, last)
            gone[module.name][(~first[module.name]).nonzero()[-1]] = True
    torch.testing.assert_close(twice(ids).logits, without(model, gone, remove_units)(ids).logits)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_kept_weights_and_biases_are_slices_bit_by_bit(model_type):
    model = tiny_model(model_type, dtype=torch.bfloat16)
    gone = chosen(model)
    removed = without(model, gone, remove_units)
    before = prunable_linears(model)
    for module in [module for block in unit_modules(model) for module in block]:
        kept = ~gone[module.name]
        smaller = unit_modules(removed)
        after = next(m for block in smaller for m in block if m.name == module.name)
        assert after.units == int(kept.sum())
        for role in [*module.rows, "out"]:
            assert torch.equal(after.tensor(role).weight, module.tensor(role).weight[kept])
        for linear, rows in module.rows.values():
            if linear.bias is not None:
                own = next(view for view, _ in after.rows.values() if view.name == linear.name)
                assert own.bias.shape == (own.weight.shape[0],)
                everything = torch.cat([r[kept].flatten() for v, r in module.rows.values() if v.name == linear.name])
                assert torch.equal(own.bias, before[linear.name].bias[everything.sort().values])
                assert rows.numel()
        if module.output.bias is not None:
            assert torch.equal(after.output.bias, module.output.bias)


def test_what_layers_say_of_themselves_is_true():
    removed = without(tiny_model("gpt2"), chosen(tiny_model("gpt2")), remove_units)
    for view in prunable_linears(removed).values():
        assert (view.module.nx, view.module.nf) == (view.weight.shape[1], view.weight.shape[0])
        assert view.module.weight.is_contiguous()
    removed = without(tiny_model("phi3"), chosen(tiny_model("phi3")), remove_units)
    for view in prunable_linears(removed).values():
        assert (view.module.in_features, view.module.out_features) == (view.weight.shape[1], view.weight.shape[0])
    assert removed.config.num_attention_heads == 4  # the model's own config is not a layer's


def test_the_last_unit_stays():
    module = unit_modules(tiny_model("llama"))[0][0]
    with pytest.raises(ContractError, match=r"all 2 units of model\.layers\.0\.attention were to be removed"):
        remove_units(module, torch.ones(2, dtype=torch.bool))
