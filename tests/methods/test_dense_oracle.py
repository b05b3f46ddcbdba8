"""Dense: the control that changes nothing."""

import pytest
import torch

from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import DENSE
from tests.methods.harness import BIASES, KINDS, prune
from tests.oracles import METHODS_FOLDER, TINY, random_weight


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_layer_keeps_its_bits(kind, bias):
    weight = random_weight(8, 16, seed=0)
    weight[0, 0] = -0.0
    result = prune("dense", kind, weight, "u00", bias=bias)
    assert result.weight.tobytes() == weight.tobytes()
    result.assert_bias_unchanged()


@pytest.mark.parametrize("family", sorted(TINY))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_model_keeps_its_bits_and_shares_no_memory(family, dtype):
    model = TINY[family]().to(dtype)
    cell = prune_cell(model, load_method("dense", [METHODS_FOLDER]), DENSE, torch.zeros(1, 4, dtype=torch.long))
    state, copied = model.state_dict(), cell.model.state_dict()
    assert state.keys() == copied.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, copied[name])
        assert tensor.data_ptr() != copied[name].data_ptr()
    assert cell.sparsity.newly == 0
