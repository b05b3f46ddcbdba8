"""Mapped weights change no number: patches and metrics have the same bits as with weights in memory."""

from pathlib import Path

import pytest
import torch

from prunebench.evaluate.perplexity import perplexity
from prunebench.files import sha256_file
from prunebench.models.mapped import copy_model, is_mapped
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.patches.format import load_patch, save_patch
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.prune.finetune import RecoveryIds
from prunebench.targets import Target
from tests.oracles import METHODS_FOLDER
from tests.tiny_models import random_ids, tiny_model

IDS = random_ids(5, 24)


def patch_and_metric(folder: Path, model_type: str, spec: str, token: str, mapped: bool) -> tuple[str, object]:
    """The patch file's digest and the perplexity of the model it leads to."""
    dense = tiny_model(model_type, dtype=torch.bfloat16)
    method, target = load_method(spec, [METHODS_FOLDER]), Target.parse(token)
    recovery = RecoveryIds(training=IDS, validation=IDS[:1])
    pruned = prune_cell(dense, method, target, IDS, recovery=recovery, mapped=mapped).model
    assert all(is_mapped(parameter) == mapped for parameter in pruned.parameters())
    path = folder / f"{mapped}.safetensors"
    save_patch(path, make_patch(dense, pruned), {})
    again = copy_model(dense, mapped)
    apply_patch(again, load_patch(path))
    return sha256_file(path), perplexity(again, IDS, "text")


@pytest.mark.parametrize(
    ("model_type", "spec", "token"),
    [
        ("llama", "magnitude", "u50"),
        ("gpt2", "wanda", "n2m4"),
        ("opt", "sparsegpt", "u50"),
        ("llama", "gblm", "u50"),
        ("llama", "wanda@allocation=owl", "u50"),
        ("llama", "flap", "s20"),
        ("opt", "magnitude_units@compensation=least_squares", "s20"),
        ("llama", "wanda_sp@compensation=two_step", "s20"),
        ("llama", "shortgpt", "s33"),
        ("llama", "svd_llm", "s20"),
        ("llama", "slicegpt", "s20"),
        ("llama", "wanda@lora=4", "u50"),
    ],
)
def test_patches_and_metrics_have_the_same_bits(tmp_path: Path, model_type: str, spec: str, token: str) -> None:
    mapped, plain = (patch_and_metric(tmp_path, model_type, spec, token, mapped) for mapped in (True, False))
    assert mapped == plain
