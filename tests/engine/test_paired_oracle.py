"""Two copies side by side: what a linear reads in the dense model and in the changed one, from full forwards."""

import copy

import pytest
import torch

from prunebench.engine.paired import visit_pairs
from prunebench.models.linear import block_linears, prunable_linears
from tests.tiny_models import random_ids, tiny_model


def read_by_all(model, ids):
    caught, hooks = {}, []
    for name, view in prunable_linears(model).items():
        hook = lambda _, args, name=name: caught.__setitem__(name, args[0].reshape(-1, args[0].shape[-1]))  # noqa: E731
        hooks.append(view.module.register_forward_pre_hook(hook))
    model(ids)
    for hook in hooks:
        hook.remove()
    return caught


@pytest.mark.parametrize("model_type", ["llama", "gemma2", "phi", "opt", "gpt2", "gpt_neox"])
def test_grams_are_of_the_dense_model_and_of_the_changed_one(model_type):
    dense, ids = tiny_model(model_type), random_ids(90, 24)  # more than one batch
    model = copy.deepcopy(dense)
    groups = block_linears(model)
    found, norms = [], []

    def visit(index, pair):
        for view in [view for group in groups[index] for view in group]:
            view.weight.mul_(1.1)  # a change in the middle of a block reaches the linears after it
            found.append(pair.grams([view]))
        norms.append(pair.statistics(["gram"], [groups[index][-1][0].name]))

    visit_pairs(model, ids, visit, torch.device("cpu"), lambda done, total: None)
    before, after = read_by_all(dense, ids), read_by_all(model, ids)
    together = {name: grams for each in found for name, grams in each.items()}
    assert together.keys() == before.keys()
    for name, grams in together.items():
        X, Z = before[name], after[name]
        for gram, wanted in ((grams.cross, Z.T @ X), (grams.now, Z.T @ Z)):
            torch.testing.assert_close(gram, wanted, rtol=2e-3, atol=2e-3 * wanted.abs().max().item())
    for index, statistics in enumerate(norms):
        assert statistics.keys() == {view.name for view in groups[index][-1]}
        for name, inputs in statistics.items():
            wanted = after[name].T @ after[name]
            torch.testing.assert_close(inputs.gram, wanted, rtol=2e-3, atol=2e-3 * wanted.abs().max().item())


def test_nothing_differs_while_nothing_is_changed():
    def visit(index, pair):
        (grams,) = pair.grams(linears[index][-1]).values()
        assert torch.equal(grams.now, grams.cross)

    model = tiny_model("llama")
    linears = block_linears(model)
    visit_pairs(model, random_ids(), visit, torch.device("cpu"), lambda done, total: None)
