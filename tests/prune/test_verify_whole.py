"""What no method for whole models may do, whatever else it does."""

import copy

import pytest
import torch
from torch import nn

from prunebench.errors import ContractError
from prunebench.models.architectures import ARCHITECTURES, architecture_of
from prunebench.patches.surgery import factor, keep_blocks
from prunebench.prune.verify_units import verify_structured
from prunebench.targets import Target
from tests.tiny_models import tiny_model


def verify(dense, pruned, token):
    return verify_structured(dense, pruned, Target.parse(token), {}, "none")


def without_the_last_block(model_type="llama"):
    dense = tiny_model(model_type)
    pruned = copy.deepcopy(dense)
    container = architecture_of(dense).container
    keep_blocks(pruned, container, range(len(dense.get_submodule(container)) - 1))
    return dense, pruned


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_a_dropped_block_is_measured(model_type):
    dense, pruned = without_the_last_block(model_type)
    blocks = len(architecture_of(dense).blocks(dense))
    sparsity = verify(dense, pruned, "s33" if blocks == 3 else "s25")
    assert sparsity.measured == pytest.approx(1 / blocks)
    assert sparsity.blocks == []


def test_half_a_block_is_as_near_as_whole_blocks_get():
    dense, pruned = without_the_last_block()
    for token in ("s17", "s25", "s49"):
        verify(dense, pruned, token)
    for token in ("s16", "s51"):
        with pytest.raises(ContractError, match=r"33\.33% of the weights"):
            verify(dense, pruned, token)


@pytest.mark.parametrize("token", ["s01", "s05", "s20"])
def test_doing_nothing_is_no_way_to_meet_a_small_target(token):
    dense = tiny_model("llama")
    with pytest.raises(ContractError, match=f"0.00% of the weights .* {token} asks for"):
        verify(dense, copy.deepcopy(dense), token)


def test_who_drops_no_blocks_comes_nearer():
    dense = tiny_model("llama")
    pruned = copy.deepcopy(dense)
    for index in range(3):
        for name in ("gate_proj", "up_proj", "down_proj"):
            pair = factor(pruned, f"model.layers.{index}.mlp.{name}", 19)
            for part in pair:
                part.weight.fill_(0.01)
    measured = verify(dense, pruned, "s30").measured
    assert measured == pytest.approx(0.3, abs=0.02)
    with pytest.raises(ContractError, match="s37 asks for"):
        verify(dense, pruned, "s37")


def stale_cache_numbers(model):
    model.model.layers[1].self_attn.layer_idx = 0


def loud_head(model):
    model.lm_head.weight[0, 0] += 1


def other_type(model):
    model.model.layers[0].mlp.up_proj.to(torch.float64)


def fewer_words(model):
    model.model.embed_tokens.weight = nn.Parameter(model.model.embed_tokens.weight[:50], requires_grad=False)


def narrower_without_shortcut(model):
    model.model.embed_tokens.weight = nn.Parameter(model.model.embed_tokens.weight[:, :32], requires_grad=False)


def no_number(model):
    model.model.layers[0].mlp.up_proj.weight[0, 0] = torch.inf


def infinite_logits(model):
    attention = model.model.layers[0].self_attn
    for linear in (attention.q_proj, attention.k_proj):
        linear.weight.fill_(1e30)


def extra_norm(model):
    model.model.norm.extra = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (stale_cache_numbers, "with a cache|cannot run"),
        (loud_head, r"lm_head\.weight was changed; as long as the input embeddings keep their width"),
        (other_type, r"up_proj\.weight is torch\.float64"),
        (fewer_words, "have 50 rows where the vocabulary has 97"),
        (narrower_without_shortcut, "the pruned model cannot run"),
        (no_number, "NaN or infinite"),
        (infinite_logits, "logits have NaN"),
        (extra_norm, r"model\.norm\.extra was added"),
    ],
)
def test_breaches_are_named(change, message):
    dense, pruned = without_the_last_block()
    change(pruned)
    with pytest.raises(ContractError, match=message):
        verify(dense, pruned, "s33")


def test_what_only_rounding_tells_apart_is_no_breach(monkeypatch):
    """A broken model in 16 bits may give anything with a cache, but not in 32; wrong numbers are wrong in both."""
    monkeypatch.setattr("prunebench.prune.verify_whole._CACHE_TOLERANCE", 1e-4)
    dense, pruned = without_the_last_block()
    dense, pruned = dense.bfloat16(), pruned.bfloat16()
    verify(dense, pruned, "s33")
    assert pruned.dtype == torch.bfloat16
    stale_cache_numbers(pruned)
    with pytest.raises(ContractError, match=r"with a cache|cannot run"):
        verify(dense, pruned, "s33")
