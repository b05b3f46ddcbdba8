"""Checkpoints are loaded whole, offline and without running their code, or refused with the reason."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from prunebench.errors import PrunebenchError
from prunebench.models.load import load_config, load_model, load_tokenizer, tokenizer_sha256
from tests.assets.checkpoints import byte_tokenizer, small_checkpoint
from tests.tiny_models import random_ids, tiny_model


@pytest.fixture
def checkpoint(tmp_path):
    small_checkpoint(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_model_is_the_saved_one_in_eval_mode_without_gradients(checkpoint, no_network):
    model = load_model(checkpoint, torch.float32)
    ids = random_ids()
    assert torch.equal(model(ids).logits, tiny_model("llama")(ids).logits)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_weights_are_cast_to_the_dtype_asked_for(checkpoint, dtype, mapped):
    model = load_model(checkpoint, dtype, mapped)
    expected = tiny_model("llama").to(torch.bfloat16).state_dict()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert all(torch.equal(weight, expected[name]) for name, weight in model.state_dict().items())


def test_the_tokenizer_is_the_saved_one(tmp_path, no_network):
    small_checkpoint(tmp_path, adds_bos=True)
    text = "Grüße, \U0001f30d!\n"
    assert load_tokenizer(tmp_path)(text).input_ids == byte_tokenizer(adds_bos=True)(text).input_ids


@pytest.mark.parametrize("load", [lambda path: load_model(path, "float32"), load_tokenizer, load_config])
def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path, load, no_network):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(PrunebenchError, match=r"is no checkpoint: it has no config\.json"):
            load(path)


def test_a_checkpoint_without_weights_is_refused(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(PrunebenchError, match="cannot be loaded as a causal language model"):
        load_model(checkpoint, "float32")


def test_a_checkpoint_with_a_tensor_missing_is_refused_and_not_filled_with_noise(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PrunebenchError, match=r"lacks 1 of the model's tensors \(model.layers.1.mlp.up_proj.weight"):
        load_model(checkpoint, "float32")


def test_a_folder_without_tokenizer_is_refused(checkpoint):
    for path in checkpoint.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(PrunebenchError, match="holds no tokenizer"):
        load_tokenizer(checkpoint)


def test_code_that_comes_with_a_checkpoint_is_not_run(checkpoint, tmp_path):
    trap = tmp_path / "trap"
    (checkpoint / "modeling.py").write_text(f"open({str(trap)!r}, 'w')\n")
    config = json.loads((checkpoint / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "modeling.C", "AutoModelForCausalLM": "modeling.M"}}
    (checkpoint / "config.json").write_text(json.dumps(config))
    with pytest.raises(PrunebenchError, match="is not one transformers can use"):
        load_model(checkpoint, "float32")
    assert not trap.exists()


def test_the_tokenizers_digest_changes_with_its_files_only(checkpoint):
    before = tokenizer_sha256(checkpoint)
    (checkpoint / "config.json").write_text("{}")
    assert tokenizer_sha256(checkpoint) == before
    with (checkpoint / "tokenizer.json").open("a") as file:
        file.write("\n")
    assert tokenizer_sha256(checkpoint) != before


def test_importing_the_loader_is_cheap():
    code = "import sys; import prunebench.models.load; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
