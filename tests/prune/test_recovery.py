"""Recovery before pruning: by hand on one block, and never a larger error than without."""

import copy

import numpy as np
import pytest
import torch

from prunebench.models.linear import prunable_linears
from prunebench.models.units import unit_modules
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.prune.recovery import prune_recovered
from prunebench.targets import Target
from tests.engine.test_paired_oracle import read_by_all
from tests.tiny_models import random_ids, tiny_model

RIDGE = 0.02


def run(model, ids, gone):
    """Recover the first blocks, and prune the units `gone[block][kind]`."""
    chosen = dict(enumerate(unit_modules(model)[: len(gone)]))
    numbers = {module.name: index for index, block in chosen.items() for module in block}
    prune_recovered(
        model, chosen, ids, [], lambda module, statistics: gone[numbers[module.name]][module.kind], RIDGE,
        torch.device("cpu"), lambda done, total: None, lambda text: None,
    )  # fmt: skip


def solved(W, X, Z):
    """argmin |Z V^T - X W^T|^2 + ridge mean(diag Z^T Z) |V - W|^2, of the normal equations."""
    W, X, Z = (np.asarray(each.double()) for each in (W, X, Z))
    penalty = RIDGE * np.mean(np.diag(Z.T @ Z)) * np.eye(Z.shape[1])
    return torch.from_numpy(np.linalg.solve(Z.T @ Z + penalty, Z.T @ X @ W.T + penalty @ W.T).T)


def test_the_mlp_after_pruned_attention_is_refitted_in_two_steps_before_its_channels_go():
    dense, ids = tiny_model("llama"), random_ids()
    gone = {"attention": torch.tensor([True, False]), "mlp": torch.arange(96) % 3 == 0}
    model = copy.deepcopy(dense)
    run(model, ids, [gone])
    before, after = read_by_all(dense, ids), read_by_all(model, ids)
    mlp, old = model.model.layers[0].mlp, dense.model.layers[0].mlp
    X, Z = before["model.layers.0.mlp.gate_proj"], after["model.layers.0.mlp.gate_proj"]
    assert not torch.allclose(X, Z, rtol=1e-3)
    gate, up = (solved(linear.weight, X, Z) for linear in (old.gate_proj, old.up_proj))
    kept = ~gone["mlp"]
    torch.testing.assert_close(mlp.gate_proj.weight.double(), gate[kept], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(mlp.up_proj.weight.double(), up[kept], rtol=1e-3, atol=1e-5)
    middle = torch.nn.functional.silu(Z.double() @ gate.T) * (Z.double() @ up.T)
    down = solved(old.down_proj.weight, before["model.layers.0.mlp.down_proj"], middle)
    torch.testing.assert_close(mlp.down_proj.weight.double(), down[:, kept], rtol=1e-3, atol=1e-5)
    assert (mlp.gate_proj.weight - old.gate_proj.weight[kept]).abs().max() > 1e-3


@pytest.mark.parametrize("model_type", ["llama", "phi3", "opt", "gpt2", "gpt_neox"])
def test_recovery_brings_the_outputs_of_both_levels_nearer_to_the_dense_ones(model_type):
    """Block 1 after a pruned block 0; nothing of block 1 goes, so what is left of the error is the recovery's."""
    dense, ids = tiny_model(model_type), random_ids()
    units = [module.units for module in unit_modules(dense)[0]]
    some = {"attention": torch.arange(units[0]) == 0, "mlp": torch.arange(units[1]) % 2 == 0}
    again = copy.deepcopy(dense)
    run(again, ids, [some, {name: torch.zeros_like(units) for name, units in some.items()}])
    for module in unit_modules(dense)[1]:
        for name, view in module.linears.items():
            X, Z = read_by_all(dense, ids)[name].double(), read_by_all(again, ids)[name].double()
            new, old = prunable_linears(again)[name].weight.double(), view.weight.double()
            wanted = X @ old.T
            error = (Z @ new.T - wanted).square().sum()
            assert error < (Z @ old.T - wanted).square().sum()


def test_a_cell_with_recovery_changes_only_what_it_may():
    dense, ids = tiny_model("llama"), random_ids()
    method = load_method("greedy_output@compensation=two_step,blocks=1-3", ["methods"])
    cell = prune_cell(dense, method, Target.parse("s20"), ids)
    after = prunable_linears(cell.model)
    for name, view in prunable_linears(dense).items():
        if ".layers.0." in name:
            assert torch.equal(view.weight, after[name].weight)
    assert any("two_step" in note for note in cell.notes)
