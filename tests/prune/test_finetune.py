"""Recovery fine-tuning: the loss falls, zeros stay, nothing else changes, and the same seed gives the same model."""

import pytest
import torch
from torch.nn import functional as F

from prunebench.errors import PrunebenchError
from prunebench.models.linear import prunable_linears
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.plugins.loader import load_method
from prunebench.plugins.variants import Recovery
from prunebench.prune.cell import prune_cell
from prunebench.prune.finetune import RecoveryIds, fine_tune, is_shown, mean_gradients, rounded_at_random, with_adapters
from prunebench.targets import Target
from tests.tiny_models import random_ids, tiny_model

# Sequences that count up: something a tiny model can learn.
COUNTING = (torch.arange(24) + torch.arange(20)[:, None]) % 90
IDS = RecoveryIds(training=COUNTING[4:], validation=COUNTING[:4])
LORA = "lora=16,lora_lr=0.02,lora_epochs=3"


def _cell(spec="magnitude_units", token="s20", model_type="llama", seed=0, dtype=torch.float32, lora=LORA):
    spec += ("," if "@" in spec else "@") + lora
    dense = tiny_model(model_type, dtype=dtype)
    method = load_method(spec, ["methods"])
    return prune_cell(dense, method, Target.parse(token), random_ids(), seed=seed, recovery=IDS)


def _validation(model):
    with torch.no_grad():
        losses = [F.cross_entropy(model(row[None]).logits[0, :-1].float(), row[1:]) for row in IDS.validation]
    return float(torch.stack(losses).mean())


@pytest.mark.parametrize("model_type", ["llama", "opt", "gpt2", "phi3"])
@pytest.mark.parametrize(("spec", "token"), [("magnitude_units", "s20"), ("magnitude", "u50"), ("magnitude", "n2m4")])
def test_the_loss_falls_and_is_that_of_the_merged_model(model_type, spec, token):
    cell = _cell(spec, token, model_type)
    first, last = cell.losses[0], cell.losses[-1]
    assert last.validation < first.validation - 0.1
    assert last.validation == pytest.approx(_validation(cell.model), rel=1e-4)
    assert [loss.step for loss in cell.losses] == [0, 1, 2, 4, 6, 8, 10, 20, 30, 40, 48]
    assert first.train is None
    assert cell.losses[-2].train < cell.losses[1].train
    assert "48 steps: validation loss" in cell.notes[-1]


@pytest.mark.parametrize("model_type", ["llama", "gpt2"])
@pytest.mark.parametrize("spec", ["magnitude", "sparsegpt", "wanda@only=down_proj"])
def test_zeros_stay_zero_and_the_rest_changes(model_type, spec):
    if model_type == "gpt2":
        spec = spec.replace("down_proj", "mlp.c_proj")
    plain = prune_cell(tiny_model(model_type), load_method(spec, ["methods"]), Target.parse("u50"), random_ids())
    cell = _cell(spec, "u50", model_type)
    after, dense = prunable_linears(cell.model), prunable_linears(tiny_model(model_type))
    for name, view in prunable_linears(plain.model).items():
        zero = view.weight == 0
        assert torch.equal(after[name].weight == 0, zero), name
        assert (after[name].weight != view.weight)[~zero].double().mean() > 0.9
        assert dense[name].weight.shape == zero.shape
    assert cell.sparsity == plain.sparsity


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt"])
@pytest.mark.parametrize("spec", ["svd_llm", "asvd"])
def test_both_matrices_of_a_pair_learn_and_keep_their_rank(model_type, spec):
    dense = tiny_model(model_type)
    plain = prune_cell(dense, load_method(spec, ["methods"]), Target.parse("s40"), random_ids()).model
    cell = _cell(spec, "s40", model_type)
    assert cell.losses[-1].validation < cell.losses[0].validation - 0.05
    assert cell.losses[-1].validation == pytest.approx(_validation(cell.model), rel=1e-4)
    assert [type(module) for module in cell.model.modules()] == [type(module) for module in plain.modules()]
    before = plain.state_dict()
    matrices = {f"{name}.{index}.weight" for name in prunable_linears(dense) for index in (0, 1)}
    assert {name for name, t in cell.model.state_dict().items() if not torch.equal(t, before[name])} == matrices


@pytest.mark.parametrize("spec", ["slicegpt", "shortgpt", "laco@layers=2,threshold=-1.0"])
def test_a_smaller_model_learns_all_but_its_shortcuts(spec):
    plain = prune_cell(tiny_model("llama"), load_method(spec, ["methods"]), Target.parse("s33"), random_ids()).model
    cell = _cell(spec, "s33")
    assert cell.losses[-1].validation < cell.losses[0].validation - 0.05
    assert cell.losses[-1].validation == pytest.approx(_validation(cell.model), rel=1e-4)
    before = plain.state_dict()
    matrices = {f"{name}.weight" for name in prunable_linears(plain)}
    assert {name for name, t in cell.model.state_dict().items() if not torch.equal(t, before[name])} == matrices


def test_only_the_matrices_of_the_blocks_change():
    plain = prune_cell(tiny_model("opt"), load_method("magnitude", ["methods"]), Target.parse("u50"), random_ids())
    before, cell = plain.model.state_dict(), _cell("magnitude", "u50", "opt")
    after = cell.model.state_dict()
    assert list(before) == list(after)
    linears = {f"{name}.weight" for name in prunable_linears(plain.model)}
    assert {name for name in before if not torch.equal(before[name], after[name])} == linears
    assert [type(module) for module in cell.model.modules()] == [type(module) for module in plain.model.modules()]
    assert not any(parameter.requires_grad for parameter in cell.model.parameters())
    assert vars(cell.model).keys() == vars(plain.model).keys()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("spec", "token"),
    [
        ("magnitude_units", "s20"),
        ("magnitude", "u50"),
        ("prunenet@episodes=2", "s20"),
        ("svd_llm", "s20"),
        ("slicegpt", "s20"),
    ],
)
def test_a_patch_brings_the_model_back(spec, token, dtype):
    cell, dense = _cell(spec, token, dtype=dtype, lora="lora=4"), tiny_model("llama", dtype=dtype)
    apply_patch(dense, make_patch(tiny_model("llama", dtype=dtype), cell.model))
    assert torch.equal(dense(random_ids()).logits, cell.model(random_ids()).logits)


def test_the_same_seed_gives_the_same_model():
    def weights(cell):
        return torch.cat([parameter.flatten() for parameter in cell.model.parameters()])

    first, other = _cell(), _cell(seed=1)
    torch.manual_seed(99)  # whatever state the process is in
    again = _cell()
    assert torch.equal(weights(first), weights(again))
    assert first.losses == again.losses
    assert not torch.equal(weights(first), weights(other))


def test_the_global_random_state_is_left_alone():
    model, before = tiny_model("llama"), torch.get_rng_state()
    fine_tune(model, IDS, Recovery(samples=2), 0, torch.device("cpu"), keep_zeros=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_sixteen_bits_learn_although_most_changes_are_below_their_resolution():
    cell = _cell("magnitude", "u50", dtype=torch.bfloat16)
    assert cell.losses[-1].validation < cell.losses[0].validation - 0.1
    assert {parameter.dtype for parameter in cell.model.parameters()} == {torch.bfloat16}


# Long and many enough that each token's share of the mean is small.
BATCH = (torch.arange(128) + torch.arange(16)[:, None]) % 90


def _adapted(dtype):
    model = with_adapters(tiny_model("llama", dtype=dtype), 0)
    return model, [parameter for parameter in model.parameters() if parameter.requires_grad]


def _gradients_of_the_mean(dtype):
    """What a backward pass through the mean of the batch itself gives."""
    model, parameters = _adapted(dtype)
    loss = F.cross_entropy(model(input_ids=BATCH).logits[:, :-1].float().flatten(0, 1), BATCH[:, 1:].flatten())
    gradients = torch.autograd.grad(loss, parameters)
    return loss.item(), torch.cat([gradient.flatten() for gradient in gradients]).double()


def _gradients(dtype):
    model, parameters = _adapted(dtype)
    loss = mean_gradients(model, parameters, BATCH)
    assert {parameter.grad.dtype for parameter in parameters} == {torch.float32}
    return loss, torch.cat([parameter.grad.flatten() for parameter in parameters]).double()


def test_gradients_are_those_of_the_mean_loss():
    (loss, gradients), (mean, wanted) = _gradients(torch.float32), _gradients_of_the_mean(torch.float32)
    assert loss == pytest.approx(mean, rel=1e-6)
    assert wanted.norm() > 0
    assert (gradients - wanted).norm() < 1e-5 * wanted.norm()


def test_gradients_do_not_underflow_in_sixteen_bits():
    _, exact = _gradients_of_the_mean(torch.float32)

    def error(gradients):
        return ((gradients - exact).norm() / exact.norm()).item()

    _, gradients = _gradients(torch.float16)
    _, underflown = _gradients_of_the_mean(torch.float16)
    assert error(gradients) < error(underflown) / 2
    assert F.cosine_similarity(gradients, exact, dim=0) > F.cosine_similarity(underflown, exact, dim=0)


def test_rounding_at_random_is_right_on_average_and_never_further_than_a_neighbour():
    values = torch.tensor([1.0, 1.001, -1.0017, 3e-5, 0.0, 1.9999]).repeat(20000, 1)
    rounded = rounded_at_random(values, torch.bfloat16, torch.Generator().manual_seed(0))
    means = rounded.double().mean(0)
    torch.testing.assert_close(means, values[0].double(), rtol=2e-4, atol=1e-9)
    assert (rounded[:, 0] == 1).all()
    assert (rounded[:, 4] == 0).all()
    assert ((rounded.float() - values).abs() <= values.abs() * 2**-7).all()
    assert torch.equal(rounded_at_random(values, torch.float32, torch.Generator()), values)


def test_the_points_of_the_curve():
    shown = [step for step in range(1, 250) if is_shown(step)]
    assert shown == [1, 2, 4, 6, 8, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 200]


def test_without_tokens_it_says_so():
    method = load_method("magnitude@lora=4", ["methods"])
    with pytest.raises(PrunebenchError, match="no tokens to train on"):
        prune_cell(tiny_model("llama"), method, Target.parse("u50"), random_ids())


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("lora=0", "lora is a number of sequences"),
        ("lora_text=c4", "lora is a number of sequences"),
        ("lora=4,lora_lr=2", "lora_lr is a learning rate"),
        ("lora=4,lora_epochs=0", "lora_epochs is 1 or more"),
    ],
)
def test_values_that_make_no_sense_are_named(variant, message):
    with pytest.raises(PrunebenchError, match=message):
        load_method(f"wanda@{variant}", ["methods"])
