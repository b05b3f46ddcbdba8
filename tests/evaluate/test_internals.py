"""Spectra against numpy, distances of heads against scipy, on models whose attention transformers gives itself."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from prunebench.config.protocols import Internals
from prunebench.errors import NotApplicable
from prunebench.evaluate.internals import internals
from prunebench.models.units import unit_modules
from prunebench.results.expected import block_pairs
from prunebench.sparsity.units import remove_units
from tests.tiny_models import random_ids, tiny_model

IDS = random_ids(3, 12)


def look(model, calibration=IDS, wanted=None, **settings):
    """By metric and dataset."""
    chosen = Internals(**settings)
    pairs = block_pairs(chosen.spectra, chosen.heads) if wanted is None else wanted
    found = internals(model, pairs, chosen, calibration)
    assert len({(m.metric, m.dataset) for m in found}) == len(found)
    return {(m.metric, m.dataset): m.value for m in found}


def attentive(model_type):
    """A tiny model whose attention is far from uniform."""
    model = tiny_model(model_type)
    with torch.no_grad():
        for block in unit_modules(model):
            for linear, _ in block[0].rows.values():
                linear.weight.mul_(8)
    return model


@pytest.mark.parametrize(
    ("model_type", "up", "down"),
    [
        ("llama", "model.layers.{}.mlp.up_proj", "model.layers.{}.mlp.down_proj"),
        ("gpt2", "transformer.h.{}.mlp.c_fc", "transformer.h.{}.mlp.c_proj"),
        ("opt", "model.decoder.layers.{}.fc1", "model.decoder.layers.{}.fc2"),
    ],
)
def test_singular_values_are_quantiles_of_the_matrices_own(model_type, up, down):
    model = tiny_model(model_type)
    found = look(model, heads=(), ecdf_steps=16)
    assert len(found) == 2 * 2 * 17
    for name, place in (("block0", 0), ("block-1", 2)):
        for matrix, module in (("up", up), ("down", down)):
            weight = model.get_submodule(module.format(place)).weight.detach().double().numpy()
            values = np.linalg.svd(weight, compute_uv=False)
            for step in range(17):
                share = step / 16  # a power of two, so that share * len(values) is exact
                wanted = np.quantile(values, share, method="inverted_cdf")
                measured = found["singular_value", f"{name}.{matrix}@{share:g}"]
                assert measured == pytest.approx(wanted, rel=1e-6), (name, matrix, share)
                below = np.mean(values <= measured * (1 + 1e-6))
                assert below >= share


def test_shares_are_named_as_people_write_them():
    found = look(tiny_model("llama"), heads=(), spectra=(1,))
    shares = [dataset.partition("@")[2] for _, dataset in found if dataset.startswith("block1.up@")]
    assert shares == [f"{number / 20:g}" for number in range(21)]
    assert shares[:4] == ["0", "0.05", "0.1", "0.15"]
    values = [found["singular_value", f"block1.up@{share}"] for share in shares]
    assert values == sorted(values)


@pytest.mark.parametrize("model_type", ["llama", "gpt2"])  # grouped queries; Conv1D and one fused linear
def test_distances_are_those_of_eager_attention(model_type):
    model = attentive(model_type)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    implementation, logits = model.config._attn_implementation, model(IDS).logits
    model.train()
    found = look(model, spectra=(), heads=(1, -1))
    assert all(module.training for module in model.modules())
    model.eval()
    assert torch.equal(model(IDS).logits, logits)
    assert model.config._attn_implementation == implementation
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    model.set_attn_implementation("eager")
    with torch.no_grad():
        maps = model(IDS, output_attentions=True).attentions
    assert len(found) == 2 * 6  # pairs of four query heads
    for name, place in (("block1", 1), ("block-1", 2)):
        probabilities = maps[place].double().numpy()  # (samples, heads, queries, keys)
        for a, b in combinations(range(4), 2):
            distances = jensenshannon(probabilities[:, a], probabilities[:, b], axis=-1)
            wanted = np.nan_to_num(distances).mean()  # the root of a rounded zero may be no number
            assert found["head_distance", f"{name}:{a}-{b}"] == pytest.approx(wanted, rel=1e-2, abs=1e-3)
    assert max(found.values()) > 0.05


def test_only_the_blocks_there_are_and_that_are_wanted():
    model = tiny_model("llama")  # three blocks
    settings = {"spectra": (2, 3, -3, -4), "heads": (5, 0)}
    blocks = {dataset.split(".")[0].split(":")[0] for _, dataset in look(model, **settings)}
    assert blocks == {"block2", "block-3", "block0"}
    assert look(model, heads=(5,), spectra=()) == {}
    wanted = [("singular_value", "block-3")]
    assert {dataset.split(".")[0] for _, dataset in look(model, None, wanted, **settings)} == {"block-3"}


def test_heads_without_tokens_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="calibration tokens"):
        look(tiny_model("llama"), None)


def test_of_a_smaller_model_the_heads_and_channels_it_still_has():
    model = attentive("llama")
    attention, mlp = unit_modules(model)[0]
    remove_units(attention, torch.tensor([True, False]))
    remove_units(mlp, torch.arange(mlp.units) >= 10)
    found = look(model, spectra=(0,), heads=(0, 1))
    assert {dataset for metric, dataset in found if metric == "head_distance" and dataset.startswith("block0")} == {
        "block0:0-1"
    }
    assert sum(dataset.startswith("block1:") for _, dataset in found) == 6
    weight = model.model.layers[0].mlp.up_proj.weight
    assert weight.shape[0] == 10
    assert found["singular_value", "block0.up@1"] == pytest.approx(float(torch.linalg.matrix_norm(weight, 2)), rel=1e-5)


def test_a_model_with_other_matrices_is_not_applicable():
    model = tiny_model("llama")
    model.model.layers[1].mlp.up_proj = torch.nn.Sequential(
        torch.nn.Linear(64, 4, bias=False), torch.nn.Linear(4, 96, bias=False)
    )
    with pytest.raises(NotApplicable, match="other matrices"):
        look(model)
