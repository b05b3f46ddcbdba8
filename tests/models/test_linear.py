"""LinearView shows every kind of linear the same way round, and writes back what it is given."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers.pytorch_utils import Conv1D

from prunebench.models.linear import LinearView, prunable_linears
from tests.tiny_models import tiny_model


def _layer(kind: str) -> nn.Module:
    torch.manual_seed(0)
    return Conv1D(5, 7) if kind == "conv1d" else nn.Linear(7, 5)


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
def test_weight_is_out_by_in(kind):
    layer = _layer(kind)
    view = LinearView("x", layer, after_norm=False)
    x = torch.randn(3, 7)
    assert view.weight.shape == (5, 7)
    torch.testing.assert_close(layer(x), F.linear(x, view.weight, view.bias))


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
def test_written_weight_and_bias_are_what_the_layer_computes_with(kind):
    layer = _layer(kind)
    weight, bias, x = torch.randn(5, 7), torch.randn(5), torch.randn(3, 7)
    LinearView("x", layer, after_norm=False).write(weight, bias)
    torch.testing.assert_close(layer(x), F.linear(x, weight, bias))


def test_a_missing_bias_is_added_in_the_layers_dtype():
    layer = nn.Linear(7, 5, bias=False, dtype=torch.bfloat16)
    LinearView("x", layer, after_norm=False).write(layer.weight.data, torch.ones(5))
    assert layer.bias.dtype == torch.bfloat16
    assert "bias" in dict(layer.named_parameters())


def test_prunable_linears_leave_embeddings_and_head_out():
    names = prunable_linears(tiny_model("llama"))
    assert len(names) == 3 * 7
    assert all(name.startswith("model.layers.") for name in names)


def test_norm_inputs_are_marked():
    marked = {name.rsplit(".", 1)[1]: view.after_norm for name, view in prunable_linears(tiny_model("opt")).items()}
    assert marked == {
        "q_proj": True, "k_proj": True, "v_proj": True, "out_proj": False, "fc1": True, "fc2": False,
    }  # fmt: skip
