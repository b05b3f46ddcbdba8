"""Every architecture of the table describes its model completely, and wrong or unknown ones are errors."""

import dataclasses

import pytest
from torch import nn

from prunebench.errors import PrunebenchError
from prunebench.models import architectures
from prunebench.models.architectures import ARCHITECTURES, architecture_of
from prunebench.models.linear import prunable_linears
from tests.tiny_models import CONFIGS, tiny_model


def test_every_architecture_of_the_table_has_a_tiny_model():
    assert CONFIGS.keys() == ARCHITECTURES.keys()


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_description_covers_all_weights_of_the_blocks_but_norms(model_type):
    model = tiny_model(model_type)
    described = sum(view.weight.numel() for view in prunable_linears(model).values())
    blocks = nn.ModuleList(block for _, block in architecture_of(model).blocks(model))
    matrices = sum(parameter.numel() for parameter in blocks.parameters() if parameter.ndim == 2)
    assert described == matrices > 0


def test_unknown_architecture_says_what_to_add():
    model = tiny_model("llama")
    model.config.model_type = "lama"
    with pytest.raises(PrunebenchError, match=r"unknown architecture 'lama'; did you mean 'llama'\?.*architectures.py"):
        architecture_of(model)


def test_an_undescribed_linear_is_an_error_not_left_dense():
    model = tiny_model("llama")
    model.model.layers[1].mlp.extra = nn.Linear(4, 4)
    with pytest.raises(PrunebenchError, match=r"does not fit model\.layers\.1.*undescribed \['mlp\.extra'\]"):
        architecture_of(model)


def test_a_described_but_missing_linear_is_an_error(monkeypatch):
    group = architectures.InputGroup(("mlp.nowhere",), after_norm=False)
    entry = ARCHITECTURES["llama"]
    changed = dataclasses.replace(entry, input_groups=(*entry.input_groups, group))
    monkeypatch.setitem(ARCHITECTURES, "llama", changed)
    with pytest.raises(PrunebenchError, match=r"missing \['mlp\.nowhere'\]"):
        architecture_of(tiny_model("llama"))


def test_a_model_without_blocks_is_an_error():
    model = tiny_model("llama")
    model.model.layers = nn.ModuleList()
    with pytest.raises(PrunebenchError, match="nothing to prune"):
        architecture_of(model)
