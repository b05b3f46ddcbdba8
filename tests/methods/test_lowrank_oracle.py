"""SVD-LLM and ASVD: the dense model at full rank, the best there is for what they minimise below."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from prunebench.engine.capture import capture_block_calls
from prunebench.errors import NotApplicable
from prunebench.models.architectures import ARCHITECTURES, architecture_of
from prunebench.models.linear import prunable_linears
from prunebench.plugins.loader import call_with_extras, load_method
from prunebench.targets import Target
from tests.methods.whole import assert_comes_back, assert_generates_alike, prune
from tests.oracles import METHODS_FOLDER
from tests.tiny_models import random_ids, tiny_model

METHODS = ["svd_llm", "svd_llm@inputs=pruned", "asvd"]


def inputs_of(model, ids):
    """What every linear reads, (tokens, in) float64, by name."""
    seen = {}

    def listener(name):
        def listen(module, args):
            seen[name] = args[0].reshape(-1, args[0].shape[-1]).double().numpy()

        return listen

    hooks = [view.module.register_forward_pre_hook(listener(name)) for name, view in prunable_linears(model).items()]
    model(ids, use_cache=False)
    for hook in hooks:
        hook.remove()
    return seen


def product(model, name):
    """(out, in) float64: what the two linears in the place of one compute together."""
    pair = model.get_submodule(name)
    assert isinstance(pair, nn.Sequential)
    return (pair[1].weight.double() @ pair[0].weight.double()).numpy()


@pytest.mark.parametrize("spec", METHODS)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_full_rank_is_the_dense_model(model_type, spec):
    dense = tiny_model(model_type)
    model, method = copy.deepcopy(dense), load_method(spec, [METHODS_FOLDER])
    everything = Target("structured", -2.0)  # three times the weights: more than any rank needs
    call_with_extras(method.function, {**method.params, "note": print}, model, random_ids(8), everything)
    for name, view in prunable_linears(dense).items():
        rank = model.get_submodule(name)[0].out_features
        assert rank == min(view.weight.shape)
        np.testing.assert_allclose(product(model, name), view.weight.double().numpy(), atol=2e-5)
    assert torch.allclose(model(random_ids()).logits, dense(random_ids()).logits, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt"])
def test_svd_llm_loses_as_little_of_the_outputs_as_its_rank_allows(model_type):
    """The error of X W^T on the calibration data is that of the best approximation of X W^T of the same rank."""
    dense, ids = tiny_model(model_type), random_ids(12)
    model = prune(dense, "svd_llm", "s40", ids).model
    seen = inputs_of(dense, ids)
    for name, view in prunable_linears(dense).items():
        X, W = seen[name], view.weight.double().numpy()
        out, width = W.shape
        rank = round(0.6 * out * width / (out + width))
        assert model.get_submodule(name)[0].out_features == rank
        wanted = np.sqrt((np.linalg.svd(X @ W.T, compute_uv=False)[rank:] ** 2).sum())
        found = np.linalg.norm(X @ (product(model, name) - W).T)
        plain = np.linalg.norm(X @ (_cut(W, rank) - W).T)
        assert found == pytest.approx(wanted, rel=1e-3)
        assert found < plain


def _cut(W, rank):
    U, sigma, V = np.linalg.svd(W, full_matrices=False)
    return (U[:, :rank] * sigma[:rank]) @ V[:rank]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 0.0])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt"])
def test_asvd_cuts_the_scaled_weight(model_type, alpha):
    dense, ids = tiny_model(model_type), random_ids()
    model = prune(dense, f"asvd@alpha={alpha}", "s40", ids).model
    seen = inputs_of(dense, ids)
    for name, view in prunable_linears(dense).items():
        W, S = view.weight.double().numpy(), np.abs(seen[name]).mean(0) ** alpha
        out, width = W.shape
        wanted = _cut(W * S, round(0.6 * out * width / (out + width)))
        np.testing.assert_allclose(product(model, name) * S, wanted, atol=2e-5)
        assert np.isfinite(product(model, name)).all()


def test_statistics_of_the_factored_blocks_before():
    """The second block sees what the first one gives with its pairs."""
    dense, ids = tiny_model("llama"), random_ids(12)
    model = prune(dense, "svd_llm@inputs=pruned", "s40", ids).model
    blocks = [block for _, block in architecture_of(dense).blocks(dense)]
    first, calls = capture_block_calls(dense, blocks, ids)
    X = blocks[1].input_layernorm(calls[0].run(model.model.layers[0], first)).reshape(-1, 64).double().numpy()
    name = "model.layers.1.self_attn.q_proj"
    W = blocks[1].self_attn.q_proj.weight.double().numpy()
    found = np.linalg.norm(X @ (product(model, name) - W).T)
    sigma = np.linalg.svd(X @ W.T, compute_uv=False)
    assert found == pytest.approx(np.sqrt((sigma[model.get_submodule(name)[0].out_features :] ** 2).sum()), rel=1e-3)


@pytest.mark.parametrize("spec", METHODS)
@pytest.mark.parametrize("token", ["s20", "s50"])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt", "phi3", "gpt_neox"])
def test_the_share_that_is_gone_is_the_targets(model_type, token, spec):
    cell = prune(tiny_model(model_type), spec, token)
    assert cell.sparsity.measured == pytest.approx(Target.parse(token).sparsity, abs=0.02)
    assert len(set(cell.sparsity.blocks)) == 1
    assert_generates_alike(cell.model)


def test_few_tokens_are_made_up_for_and_said():
    cell = prune(tiny_model("llama"), "svd_llm", "s40", random_ids(1, 8))
    assert any("X X^T is singular" in note for note in cell.notes)
    assert not any("singular" in note for note in prune(tiny_model("llama"), "svd_llm", "s40", random_ids(12)).notes)


def test_no_rank_is_left_over():
    with pytest.raises(NotApplicable, match="leave no rank"):
        prune(tiny_model("llama"), "asvd", "s99")


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_patches_and_exports_come_back(tmp_path, model_type):
    assert_comes_back(tmp_path, tiny_model(model_type, dtype=torch.bfloat16), "svd_llm", "s30", plain=False)
