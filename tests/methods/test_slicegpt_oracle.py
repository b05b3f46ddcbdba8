"""SliceGPT: the dense model when nothing is sliced, the blocks' arithmetic in float64 when something is."""

import copy
import json

import pytest
import torch

from prunebench.errors import NotApplicable
from prunebench.models.architectures import ARCHITECTURES
from prunebench.plugins.loader import call_with_extras, load_method
from prunebench.targets import Target
from tests.methods.whole import assert_comes_back, assert_generates_alike, prune
from tests.oracles import METHODS_FOLDER
from tests.tiny_models import random_ids, tiny_model

SUITED = ["llama", "mistral", "qwen2", "qwen3"]


def with_biases(model_type):
    """A model whose output projections have biases, too."""
    dense = tiny_model(model_type)
    for block in dense.model.layers:
        for linear in (block.self_attn.o_proj, block.mlp.down_proj):
            linear.bias = torch.nn.Parameter(0.1 * torch.randn(64), requires_grad=False)
    dense.model.embed_tokens.weight.mul_(20)  # so that every direction of the residual stream counts
    return dense


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("model_type", SUITED)
def test_ratio_0_is_the_dense_model(model_type, tied):
    dense = with_biases(model_type)
    if tied:
        dense.lm_head.weight = dense.model.embed_tokens.weight
    model, method = copy.deepcopy(dense), load_method("slicegpt", [METHODS_FOLDER])
    extras = {**method.params, "note": print}
    call_with_extras(method.function, extras, model, random_ids(), Target("structured", 0.0))
    assert not torch.allclose(model.model.embed_tokens.weight, dense.model.embed_tokens.weight, atol=1e-2)
    assert torch.allclose(model(random_ids()).logits, dense(random_ids()).logits, atol=1e-4, rtol=1e-3)
    assert_generates_alike(model)


@pytest.mark.parametrize("model_type", SUITED)
def test_what_is_sliced_is_what_varies_least_of_what_is_left(model_type):
    """Projecting the residual stream before each norm, each time onto the axes of what got there, gives the same."""
    dense = with_biases(model_type)
    cell = prune(dense, "slicegpt", "s30")
    hidden = cell.model.model.embed_tokens.weight.shape[1]
    assert hidden < 0.7 * 64, "the shortcuts have to be made up for"

    slow, seen = copy.deepcopy(dense).double(), []
    projections = [torch.eye(64, dtype=torch.float64)] * (2 * len(slow.model.layers))
    for index, layer in enumerate(slow.model.layers):
        layer.forward = _projected(layer, projections, 2 * index)
    norms = [norm for layer in slow.model.layers for norm in (layer.input_layernorm, layer.post_attention_layernorm)]
    for index, norm in enumerate(norms):
        hook = norm.register_forward_pre_hook(lambda module, args: seen.append(args[0].reshape(-1, 64)))
        slow(random_ids())
        hook.remove()
        V = torch.linalg.svd(seen[-1], full_matrices=False)[2][:hidden]
        projections[index] = V.T @ V
    wanted, found = slow(random_ids()).logits, cell.model(random_ids()).logits.double()
    assert (found - wanted).norm() < 1e-3 * (found - dense(random_ids()).logits).norm()


def _projected(layer, projections, index):
    def forward(hidden_states, **kwargs):
        x = hidden_states @ projections[index]
        x = x + layer.self_attn(hidden_states=layer.input_layernorm(x), **kwargs)[0]
        x = x @ projections[index + 1]
        return x + layer.mlp(layer.post_attention_layernorm(x))

    return forward


@pytest.mark.parametrize("token", ["s10", "s20", "s50"])
def test_the_target_counts_the_shortcuts(token):
    dense = tiny_model("llama")
    cell = prune(dense, "slicegpt", token)
    blocks = cell.model.model.layers
    now = sum(p.numel() for b in blocks for p in b.parameters() if p.dim() == 2)
    before = sum(p.numel() for b in dense.model.layers for p in b.parameters() if p.dim() == 2)
    assert 1 - now / before == pytest.approx(Target.parse(token).sparsity, abs=0.02)
    assert cell.sparsity.measured == 1 - now / before
    assert_generates_alike(cell.model)


def test_the_papers_target_is_a_share_of_the_width_and_what_it_comes_to_is_measured():
    dense = tiny_model("llama")
    cell = prune(dense, "slicegpt@of=width", "s25")
    assert cell.model.model.embed_tokens.weight.shape[1] == 48
    assert cell.sparsity.measured == pytest.approx(cell.sparsity.target)
    assert cell.sparsity.measured < 0.2


def test_the_head_stays_as_it_was_and_loose():
    dense = tiny_model("llama")
    dense.config.tie_word_embeddings = True
    dense.tie_weights()
    assert dense.lm_head.weight is dense.model.embed_tokens.weight
    model = prune(dense, "slicegpt", "s20").model
    model.tie_weights()
    assert torch.equal(model.lm_head.weight, dense.lm_head.weight)
    assert model.model.embed_tokens.weight.shape[1] < 64
    assert dense.config.tie_word_embeddings


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("model_type", SUITED)
def test_patches_and_exports_come_back(tmp_path, model_type, dtype):
    assert_comes_back(tmp_path, tiny_model(model_type, dtype=dtype), "slicegpt", "s20", plain=False)
    assert json.loads((tmp_path / "out/surgery.json").read_text())["steps"][0]["step"] == "slice"


def test_tied_models_come_back(tmp_path):
    dense = tiny_model("qwen2")
    dense.config.tie_word_embeddings = True
    dense.tie_weights()
    assert_comes_back(tmp_path, dense, "slicegpt", "s20", plain=False)


@pytest.mark.parametrize("model_type", sorted(set(ARCHITECTURES) - set(SUITED)))
def test_other_blocks_are_not_applicable(model_type):
    rms = "gemma" in model_type or model_type == "phi3"
    why = "other norms or fused linears" if rms else "LayerNorms, whose mean no rotation keeps"
    with pytest.raises(NotApplicable, match=f"{model_type} has {why}"):
        prune(tiny_model(model_type), "slicegpt", "s20")
