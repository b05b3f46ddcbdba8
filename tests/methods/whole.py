"""Whole-model methods on tiny models, through the same public pieces as a run."""

import copy
import itertools
from pathlib import Path

import torch

from prunebench.models.load import load_model
from prunebench.patches import surgery
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.export import export_cell
from prunebench.patches.format import load_patch, save_patch
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.oracles import METHODS_FOLDER
from tests.patches.same import differing_bits, differing_tensors
from tests.tiny_models import CONFIGS, random_ids, tiny_model


def deep_model(model_type, layers=6, seed=0, dtype=torch.float32):
    """A tiny model with more blocks than usual; sliding and full attention take turns where there are both."""
    config = CONFIGS[model_type]
    key = "n_layer" if "n_layer" in config else "num_hidden_layers"
    changed = config | {key: layers}
    if "layer_types" in config:
        changed["layer_types"] = [["sliding_attention", "full_attention"][index % 2] for index in range(layers)]
    CONFIGS[model_type] = changed
    try:
        return tiny_model(model_type, seed, dtype)
    finally:
        CONFIGS[model_type] = config


def prune(dense, spec, token, ids=None, seed=0):
    """The cell, verified."""
    ids = random_ids() if ids is None else ids
    return prune_cell(dense, load_method(spec, [METHODS_FOLDER]), Target.parse(token), ids, seed)


def generated(model, use_cache):
    ids = random_ids(2, 12, seed=5)
    return model.generate(ids, do_sample=False, max_new_tokens=12, min_new_tokens=12, pad_token_id=0,
                          use_cache=use_cache)  # fmt: skip


def assert_generates_alike(model):
    """Greedy generation gives the same with the cache as without, and so do the logits, token by token."""
    assert torch.equal(generated(model, True), generated(model, False))
    ids, cache, steps = random_ids(2, 20, seed=6), None, []
    for token in ids.split(1, 1):
        output = model(token, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        steps.append(output.logits)
    assert torch.allclose(torch.cat(steps, 1), model(ids, use_cache=False).logits, rtol=1e-3, atol=1e-4)


def assert_comes_back(tmp_path: Path, dense, spec, token, plain):
    """Bit by bit from its patch, and as an exported folder; `plain`: whether transformers alone loads that."""
    dense.save_pretrained(tmp_path / "dense")
    dense = load_model(tmp_path / "dense", dense.dtype)
    pruned = prune(dense, spec, token).model
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    model = copy.deepcopy(dense)
    apply_patch(model, load_patch(tmp_path / "p"))
    assert export_cell(tmp_path / "dense", tmp_path / "p", tmp_path / "out") == plain
    exported = load_model(tmp_path / "out", dense.dtype) if plain else surgery.load(tmp_path / "out")
    for other, cached in itertools.product((model, exported), (True, False)):
        assert not differing_tensors(other, pruned)
        assert not differing_bits(other(random_ids()).logits, pruned(random_ids()).logits)
        assert torch.equal(generated(other, cached), generated(pruned, cached))
    assert repr(model) == repr(pruned)
