"""An exported cell is an ordinary folder: plain transformers gives the logits of the model that was pruned."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from prunebench.contract.tiny_models import TINY_CONFIGS, tiny_calibration, tiny_model
from prunebench.errors import PrunebenchError
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.load import load_model
from prunebench.patches import surgery
from prunebench.patches.diff import make_patch
from prunebench.patches.export import export_cell
from prunebench.patches.format import save_patch
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.patches.same import differing_bits, differing_tensors
from tests.tiny_models import random_ids
from tests.tiny_models import tiny_model as random_model

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


def loaded_by_its_own_file(folder: Path) -> nn.Module:
    """In a process without prunebench on its path; the model's logits come back as a file."""
    script = (
        "import sys, torch\nsys.modules['prunebench'] = None\nfrom load_pruned import load\n"
        "model = load()\nids = torch.load('ids.pt')\n"
        "with torch.no_grad():\n    torch.save((model(ids).logits, model.dtype), 'logits.pt')\n"
    )
    torch.save(tiny_calibration(2, 24), folder / "ids.pt")
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    return torch.load(folder / "logits.pt")


@pytest.mark.parametrize("name", TINY_CONFIGS)
def test_layers_of_different_sizes_come_with_a_loader_that_needs_no_prunebench(
    folder: Path, tmp_path: Path, name: str
) -> None:
    dense = save_dense(folder, name, torch.bfloat16)
    method = load_method("flap@attention=0.3", [METHODS])
    pruned = prune_cell(dense, method, Target.parse("s30"), tiny_calibration()).model
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    assert not export_cell(folder, tmp_path / "p", tmp_path / "out")
    with pytest.raises(OSError, match=r"no file named model\.safetensors"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert "from load_pruned import load" in (tmp_path / "out/README.md").read_text()
    found, dtype = loaded_by_its_own_file(tmp_path / "out")
    assert dtype == torch.bfloat16
    assert not differing_bits(found, logits(pruned))


@pytest.mark.parametrize("spec", ["flap@attention=0.3", "svd_llm", "slicegpt"])
def test_transformers_loads_them_too_if_it_may_run_their_code(folder: Path, tmp_path: Path, spec: str) -> None:
    dense = save_dense(folder, "llama-gqa", torch.bfloat16)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 7, "pad_token_id": 3}))
    pruned = prune_cell(dense, load_method(spec, [METHODS]), Target.parse("s30"), tiny_calibration()).model
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    assert not export_cell(folder, tmp_path / "p", tmp_path / "out")

    def loaded(**options: object) -> Any:
        return AutoModelForCausalLM.from_pretrained(tmp_path / "out", trust_remote_code=True, **options)

    model = loaded()
    assert not differing_bits(logits(model), logits(pruned))
    assert not differing_bits(logits(loaded(dtype="auto", device_map={"": "cpu"})), logits(pruned))
    assert (model.dtype, model.training) == (torch.bfloat16, False)
    assert (model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (7, 3)
    settings = {"do_sample": False, "max_new_tokens": 5, "pad_token_id": 0}
    ids = tiny_calibration(2, 24)
    assert torch.equal(model.generate(ids, **settings), pruned.generate(ids, **settings, eos_token_id=7))
    other = loaded(dtype=torch.float32, attn_implementation="eager", device_map="cpu")
    assert (other.dtype, other.config._attn_implementation) == (torch.float32, "eager")
    with pytest.raises(ValueError, match="onto one device"):
        loaded(device_map={"model": "cpu", "lm_head": "meta"})


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_the_loader_restores_every_architecture(tmp_path: Path, model_type: str) -> None:
    random_model(model_type).save_pretrained(tmp_path / "dense")
    dense = load_model(tmp_path / "dense", torch.bfloat16)
    pruned = prune_cell(dense, load_method("flap@attention=0.3", [METHODS]), Target.parse("s30"), random_ids()).model
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    export_cell(tmp_path / "dense", tmp_path / "p", tmp_path / "out")
    model = surgery.load(tmp_path / "out")
    assert not differing_tensors(model, pruned)
    assert not differing_bits(model(random_ids()).logits, pruned(random_ids()).logits)


@pytest.mark.parametrize("spec", ["mag_sp", "wanda_sp@attention=0.5", "flap@allocation=uniform,attention=0.5"])
@pytest.mark.parametrize("model_type", ["llama", "qwen3", "gemma2", "phi3", "mistral"])
def test_layers_of_one_size_are_an_ordinary_folder(tmp_path: Path, model_type: str, spec: str) -> None:
    random_model(model_type).save_pretrained(tmp_path / "dense")
    dense = load_model(tmp_path / "dense", torch.float32)
    pruned = prune_cell(dense, load_method(spec, [METHODS]), Target.parse("s30"), random_ids()).model
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    plain = export_cell(tmp_path / "dense", tmp_path / "p", tmp_path / "out")
    assert plain == ("flap" not in spec or model_type == "llama")  # only Llama's config has switches for biases
    if not plain:
        return
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert not differing_bits(exported(random_ids()).logits, pruned(random_ids()).logits)
    settings = {"do_sample": False, "max_new_tokens": 5, "pad_token_id": 0}
    assert torch.equal(exported.generate(random_ids(), **settings), pruned.generate(random_ids(), **settings))


def test_a_loaders_folder_with_other_weights_is_refused(tmp_path: Path) -> None:
    random_model("llama").save_pretrained(tmp_path / "dense")
    dense = load_model(tmp_path / "dense", torch.float32)
    pruned = prune_cell(dense, load_method("flap", [METHODS]), Target.parse("s30"), random_ids()).model
    save_patch(tmp_path / "p", make_patch(dense, pruned), {})
    export_cell(tmp_path / "dense", tmp_path / "p", tmp_path / "out")
    about = json.loads((tmp_path / "out/surgery.json").read_text())
    about["steps"] = [step for step in about["steps"] if step["step"] != "add_parameter"]
    (tmp_path / "out/surgery.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"does not fit the model: model.layers.0.mlp.down_proj.bias"):
        surgery.load(tmp_path / "out")


def test_a_folder_with_something_in_it_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("do not lose")
    with pytest.raises(PrunebenchError, match="is not empty"):
        export_cell(folder, tmp_path / "p", tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["thesis.tex"]
