"""Token files made from finished assets say what they were made from and fit the model."""

import json

import pytest
import torch

from prunebench.assets.manifest import read_manifest
from prunebench.assets.models import materialise_model
from prunebench.assets.texts import DOCUMENTS, materialise_text
from prunebench.config.registry import LocalSource, ModelSpec, TextSpec
from prunebench.data.calibration import load_calibration, sample_calibration, sample_recovery
from prunebench.data.documents import Documents
from prunebench.data.tokenise import tokenise_calibration, tokenise_recovery, tokenise_windows
from prunebench.data.tokens import read_metadata
from prunebench.data.windows import load_windows, make_windows
from prunebench.errors import PrunebenchError
from tests.assets.checkpoints import byte_tokenizer, small_checkpoint


@pytest.fixture(scope="module")
def assets(tmp_path_factory):
    """Folders of a small model (128 positions) and of a text of three long documents."""
    folder = tmp_path_factory.mktemp("assets")
    small_checkpoint(folder / "checkpoint")
    (folder / "lines").write_text("\n".join(f"{i} " * 200 for i in range(3)))
    model = ModelSpec(title="M", source=LocalSource(kind="local", path=folder / "checkpoint"))
    text = TextSpec(title="T", domain="d", source=LocalSource(kind="local", path=folder / "lines"), format="lines")
    materialise_model("model", model, folder / "model")
    materialise_text("text", text, folder / "text")
    return folder / "model", folder / "text"


def test_calibration_is_the_sample_of_the_text_with_the_models_tokenizer(assets, tmp_path):
    path = tmp_path / "calibration-seed1.safetensors"
    tokenise_calibration(path, *assets, nsamples=4, seqlen=32, seed=1)
    expected = sample_calibration(Documents(assets[1] / DOCUMENTS), byte_tokenizer(), 4, 32, 1)
    assert torch.equal(load_calibration(path), expected)


def test_sequences_to_fine_tune_on_are_the_sample_of_the_text_with_the_models_tokenizer(assets, tmp_path):
    path = tmp_path / "recovery.safetensors"
    tokenise_recovery(path, *assets, validation=2, training=4, seqlen=2048, seed=1)
    expected = sample_recovery(Documents(assets[1] / DOCUMENTS), byte_tokenizer(), 2, 4, 128, 1)
    assert torch.equal(load_calibration(path), expected)
    said = json.loads(read_metadata(path)["settings"])
    assert (said["validation"], said["training"], said["seqlen"]) == (2, 4, 128)


def test_windows_are_those_of_the_text_with_the_models_tokenizer(assets, tmp_path):
    path = tmp_path / "windows-text.safetensors"
    tokenise_windows(path, *assets, window=32, join=" ", bos="every", max_windows=3)
    expected = make_windows(Documents(assets[1] / DOCUMENTS), byte_tokenizer(), 32, " ", "every", 3)
    assert torch.equal(load_windows(path), expected)


def test_sequences_and_windows_are_cut_to_the_models_positions(assets, tmp_path):
    tokenise_calibration(tmp_path / "c", *assets, nsamples=2, seqlen=2048, seed=0)
    tokenise_windows(tmp_path / "w", *assets, window=2048)
    assert load_calibration(tmp_path / "c").shape == (2, 128)
    assert load_windows(tmp_path / "w").shape[1] == 128
    assert json.loads(read_metadata(tmp_path / "c")["settings"])["seqlen"] == 128
    assert json.loads(read_metadata(tmp_path / "w")["settings"])["window"] == 128


def test_the_metadata_names_text_tokenizer_and_settings(assets, tmp_path):
    model, text = (read_manifest(folder) for folder in assets)
    tokenise_windows(tmp_path / "w", *assets, window=64)
    metadata = read_metadata(tmp_path / "w")
    assert metadata["text"] == "text"
    assert metadata["text_sha256"] == text["files"][DOCUMENTS]
    assert metadata["tokenizer_sha256"] == model["tokenizer_sha256"]
    assert json.loads(metadata["settings"]) == {"window": 64, "join": "\n\n", "bos": "once", "max_windows": None}


def test_an_unfinished_asset_is_refused(assets, tmp_path):
    with pytest.raises(PrunebenchError, match="holds no finished asset"):
        tokenise_windows(tmp_path / "w", assets[0], tmp_path, window=64)
    assert not (tmp_path / "w").exists()
