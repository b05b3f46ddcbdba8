"""An exported cell is an ordinary folder: plain transformers gives the logits of the model that was pruned."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from prunebench.contract.tiny_models import TINY_CONFIGS, tiny_calibration, tiny_model
from prunebench.errors import PrunebenchError
from prunebench.models.load import load_model
from prunebench.patches.diff import make_patch
from prunebench.patches.export import export_cell
from prunebench.patches.format import save_patch
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.patches.same import differing_bits

METHODS = Path(__file__).parents[2] / "methods"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dense"


def save_dense(folder: Path, name: str, dtype: torch.dtype) -> nn.Module:
    tiny_model(name, dtype).save_pretrained(folder)
    (folder / "tokenizer.json").write_text('{"made": "up"}')
    (folder / "asset.json").write_text("{}")
    return load_model(folder, dtype)


def logits(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(tiny_calibration(2, 24)).logits


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("method", ["wanda", "sparsegpt", "stade"])
@pytest.mark.parametrize("name", TINY_CONFIGS)
def test_exported_cells_have_the_logits_of_the_pruned_model(
    folder: Path, tmp_path: Path, name: str, method: str, dtype: torch.dtype
) -> None:
    dense = save_dense(folder, name, dtype)
    pruned = prune_cell(dense, load_method(method, [METHODS]), Target.parse("u50"), tiny_calibration()).model
    save_patch(tmp_path / "u50.safetensors", make_patch(dense, pruned), {})
    export_cell(folder, tmp_path / "u50.safetensors", tmp_path / "out")
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert exported.dtype == dtype
    assert not differing_bits(logits(exported), logits(pruned))
    assert differing_bits(logits(exported), logits(dense))
    assert (tmp_path / "out/tokenizer.json").read_text() == '{"made": "up"}'
    assert not (tmp_path / "out/asset.json").exists()


def test_biases_that_pruning_added_are_in_the_export(folder: Path, tmp_path: Path) -> None:
    dense = save_dense(folder, "llama-gqa", torch.float32)
    pruned = prune_cell(dense, load_method("stade", [METHODS]), Target.parse("u50"), tiny_calibration()).model
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    export_cell(folder, tmp_path / "p", tmp_path / "out")
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    layer, wanted = exported.model.layers[1], pruned.model.layers[1]
    assert wanted.mlp.down_proj.bias.abs().sum() > 0
    assert torch.equal(layer.mlp.down_proj.bias, wanted.mlp.down_proj.bias)
    assert wanted.mlp.up_proj.bias is None
    assert torch.count_nonzero(layer.mlp.up_proj.bias) == 0


def test_only_the_switch_that_is_needed_is_turned_on(folder: Path, tmp_path: Path) -> None:
    dense = save_dense(folder, "llama-gqa", torch.float32)
    pruned = copy.deepcopy(dense)
    pruned.model.layers[0].mlp.down_proj.bias = nn.Parameter(torch.randn(64), requires_grad=False)
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    export_cell(folder, tmp_path / "p", tmp_path / "out")
    config = AutoModelForCausalLM.from_pretrained(tmp_path / "out").config
    assert (config.attention_bias, config.mlp_bias) == (False, True)


def test_what_plain_transformers_has_no_place_for_is_refused(folder: Path, tmp_path: Path) -> None:
    dense = save_dense(folder, "llama-gqa", torch.float32)
    pruned = copy.deepcopy(dense)
    mlp = pruned.model.layers[0].mlp
    for name in ("gate_proj", "up_proj"):
        linear = getattr(mlp, name)
        linear.weight, linear.out_features = nn.Parameter(linear.weight[:100].clone()), 100
    mlp.down_proj.weight, mlp.down_proj.in_features = nn.Parameter(mlp.down_proj.weight[:, :100].clone()), 100
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    with pytest.raises(PrunebenchError, match=r"no place for model.layers.0.mlp.gate_proj.weight .*cannot be exported"):
        export_cell(folder, tmp_path / "p", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("do not lose")
    with pytest.raises(PrunebenchError, match="is not empty"):
        export_cell(folder, tmp_path / "p", tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["thesis.tex"]
