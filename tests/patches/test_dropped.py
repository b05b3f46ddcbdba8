"""Patches of models that lost blocks: which one each of the rest was."""

import copy

import pytest
import torch

from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.modules import aligned
from prunebench.patches.surgery import factor, keep_blocks
from tests.patches.same import differing_tensors
from tests.tiny_models import random_ids, tiny_model


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("abcdef", "abcde", [0, 1, 2, 3, 4]),
        ("abcdef", "bdf", [1, 3, 5]),
        ("abcdef", "xbf", [0, 1, 5]),
        ("abcdef", "axyf", [0, 1, 2, 5]),
        ("abcdef", "xyz", [0, 1, 2]),
        ("abcdef", "fxa", [0, 1, 2]),  # the order stays, so that only one can be said to be there
        ("aaaa", "aa", [0, 1]),
    ],
)
def test_alignment_finds_what_is_still_there(old, new, kept):
    found = aligned([{"t": letter} for letter in old], [{"t": letter} for letter in new])
    common = sum(old[i] == letter for i, letter in zip(found, new, strict=True))
    assert found == sorted(set(found))
    assert common == sum(old[i] == letter for i, letter in zip(kept, new, strict=True))
    if "f" not in new[:1]:
        assert found == kept


def test_dropping_blocks_takes_no_room():
    dense = tiny_model("llama")
    pruned = copy.deepcopy(dense)
    keep_blocks(pruned, "model.layers", [0, 2])
    patch = make_patch(dense, pruned)
    assert patch.entries == {}
    assert patch.steps == [{"step": "keep_blocks", "module": "model.layers", "kept": [0, 2]}]
    assert len(dense.model.layers) == dense.config.num_hidden_layers == 3


def test_numbers_left_wrong_come_back_wrong():
    """The patch leads to the model that was made, which a verification may refuse."""
    dense = tiny_model("llama")
    pruned = copy.deepcopy(dense)
    del pruned.model.layers[1]
    model = copy.deepcopy(dense)
    apply_patch(model, make_patch(dense, pruned))
    assert model.config.num_hidden_layers == 3
    assert [layer.self_attn.layer_idx for layer in model.model.layers] == [0, 2]
    assert differing_tensors(model, pruned) == []


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt"])
def test_steps_combine(model_type):
    """Blocks dropped, linears of others factored and weights of others masked."""
    from prunebench.models.architectures import architecture_of
    from prunebench.models.linear import prunable_linears

    dense = tiny_model(model_type)
    pruned = copy.deepcopy(dense)
    container = architecture_of(dense).container
    keep_blocks(pruned, container, [1, 2])
    linears = list(prunable_linears(pruned).items())
    linears[0][1].weight[:, ::2] = 0
    for part in factor(pruned, linears[-1][0], 5):
        torch.nn.init.normal_(part.weight)
    patch = make_patch(dense, pruned)
    assert [step["step"] for step in patch.steps][:2] == ["keep_blocks", "factor"]
    assert patch.steps[0]["kept"] == [1, 2]
    model = copy.deepcopy(dense)
    apply_patch(model, patch)
    assert differing_tensors(model, pruned) == []
    assert torch.equal(model(random_ids()).logits, pruned(random_ids()).logits)


def test_a_pair_whose_weights_lie_about_in_freed_memory_is_stored():
    """A patch compares with a pair made afresh, which must not find the pruned one's numbers in the memory it gets."""
    dense = tiny_model("llama")
    name = "model.layers.0.mlp.up_proj"
    for seed in range(20):
        pruned = copy.deepcopy(dense)
        for part in factor(pruned, name, 5):
            assert not part.weight.any()
            part.weight.normal_(generator=torch.Generator().manual_seed(seed))
            del part
        stale = [part.weight.clone() for part in pruned.get_submodule(name) for _ in range(4)]
        del stale
        patch = make_patch(dense, pruned)
        assert {f"{name}.0.weight", f"{name}.1.weight"} <= patch.entries.keys()
