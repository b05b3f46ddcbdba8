"""SVD-LLM and ASVD: the dense model at full rank, the best there is for what they minimise below."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from prunebench.engine.capture import capture_block_calls
from prunebench.errors import NotApplicable
from prunebench.models.architectures import ARCHITECTURES, architecture_of
from prunebench.models.linear import LinearView, prunable_linears
from prunebench.plugins.loader import call_with_extras, load_method
from prunebench.sparsity.lowrank import split_into_pair
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


@pytest.mark.parametrize("model_type", ["llama", "gpt2"])
@pytest.mark.parametrize("spec", METHODS)
def test_nothing_to_remove_leaves_the_dense_model(model_type, spec):
    model, method = tiny_model(model_type), load_method(spec, [METHODS_FOLDER])
    call_with_extras(method.function, {**method.params, "note": print}, model, random_ids(), Target("structured", 0.0))
    dense = tiny_model(model_type).state_dict()
    assert dense.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, dense[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("spec", METHODS)
def test_little_is_left_and_still_runs(spec):
    cell = prune(tiny_model("gpt2"), spec, "s90")
    ranks = [cell.model.get_submodule(name)[0].out_features for name in prunable_linears(tiny_model("gpt2"))]
    assert min(ranks) >= 1
    assert cell.sparsity.measured == pytest.approx(0.9, abs=0.02)


def whitened(shape, seed, spread):
    """A weight (out, in) float64, and S lower triangular for inputs whose sizes differ by `spread` orders of ten."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(3 * shape[1], shape[1], generator=generator, dtype=torch.float64)
    X = X @ torch.randn(shape[1], shape[1], generator=generator, dtype=torch.float64)
    X = X * torch.logspace(-spread, 0, shape[1], dtype=torch.float64)
    weight = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return weight, torch.linalg.cholesky(X.T @ X)


@pytest.mark.parametrize("spread", [0, 2, 4])
@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (32, 32), (6, 40)])
@pytest.mark.parametrize("diagonal", [False, True])
def test_the_pair_is_the_truncated_svd(shape, spread, diagonal):
    """Against torch.linalg.svd: the same product, the same loss in every direction, both matrices of one size."""
    W, S = whitened(shape, 1, spread)
    S = S.diagonal() if diagonal else S
    full = S.diag() if diagonal else S
    U, sigma, V = torch.linalg.svd(W @ full, full_matrices=False)
    module = nn.Linear(shape[1], shape[0], bias=False, dtype=torch.float64).requires_grad_(False)
    module.weight.copy_(W)
    for rank in (1, 5, min(shape) - 1, min(shape)):
        model = nn.Sequential(copy.deepcopy(module))
        split_into_pair(model, LinearView("0", model[0], False), rank, S**2 if diagonal else S @ S.T, lambda: S)
        A, B = model[0][0].weight, model[0][1].weight
        wanted = (U[:, :rank] * sigma[:rank]) @ V[:rank]
        assert torch.linalg.norm(B @ A @ full - wanted) < 1e-8 * sigma[0]
        lost = torch.linalg.norm((W - B @ A) @ full)
        assert lost == pytest.approx(float(sigma[rank:].norm()), rel=1e-6, abs=1e-10 * float(sigma[0]))
        # Both have the roots of the singular values.
        assert torch.allclose(B.norm(dim=0), sigma[:rank].sqrt(), rtol=1e-4)
        assert torch.allclose((A @ full).norm(dim=1), sigma[:rank].sqrt(), rtol=1e-4)


def test_directions_without_inputs_come_back_where_the_rank_allows_it():
    """More outputs' directions are asked for than the inputs have: the rest is the weight's own."""
    W = torch.randn(8, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = nn.Sequential(nn.Linear(20, 8, bias=False, dtype=torch.float64).requires_grad_(False))
    model[0].weight.copy_(W)
    X = torch.randn(3, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    split_into_pair(model, LinearView("0", model[0], False), 8, X.T @ X, lambda: pytest.fail("no S is needed"))
    assert torch.allclose(model[0][1].weight @ model[0][0].weight, W, atol=1e-10)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_patches_and_exports_come_back(tmp_path, model_type):
    assert_comes_back(tmp_path, tiny_model(model_type, dtype=torch.bfloat16), "svd_llm", "s30", plain=False)
