"""What holds on a GPU: the masks of the CPU, memory that does not grow with depth, statuses, one job per device."""

from pathlib import Path

import pytest
import torch
from torch import nn

from prunebench.engine.sequential import visit_blocks
from prunebench.models.linear import prunable_linears
from prunebench.models.mapped import copy_model, is_mapped
from prunebench.models.placement import on_device
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import PrunedCell, prune_cell
from prunebench.results.records import PruneRecord, load_record
from prunebench.sweeps.device import claim_first_free
from prunebench.targets import Target
from tests.oracles import METHODS_FOLDER
from tests.sweeps.project import Project
from tests.tiny_models import CONFIGS, random_ids, tiny_model

pytestmark = pytest.mark.gpu
IDS = random_ids(8, 64)
# Of the weights: sums in another order move scores in their last digits, and so whichever of two is the lower.
_NEAR_TIES = 0.01

ASKS_TOO_MUCH = """
METHOD = {"title": "T", "family": "f", "patterns": ["unstructured"], "group": "row", "needs": ["input_sq_norm"]}

import torch


def score(weight, inputs, target):
    if target.token == "u60":
        torch.empty(1 << 50, device=weight.device)
    return weight.abs() * inputs.l2_norm
"""


def pruned(model: nn.Module, spec: str, token: str, device: str) -> PrunedCell:
    return prune_cell(model, load_method(spec, [METHODS_FOLDER]), Target.parse(token), IDS, device=device)


@pytest.mark.parametrize("model_type", ["llama", "opt", "gpt2"])
@pytest.mark.parametrize(
    ("spec", "token"),
    [
        ("magnitude", "u50"), ("random", "u50"), ("wanda", "u50"), ("wanda", "n2m4"), ("stade", "u50"), ("ria", "u50"),
        ("sparsegpt", "u50"), ("dsnot", "u50"), ("admm", "u50"), ("gblm", "u50"), ("wanda@allocation=owl", "u50"),
        ("wanda@allocation=alphapruning", "u50"),
    ],
)  # fmt: skip
def test_masks_are_those_of_the_cpu_but_for_near_ties(model_type: str, spec: str, token: str) -> None:
    model = tiny_model(model_type)
    here, there = (prunable_linears(pruned(model, spec, token, device).model) for device in ("cpu", "cuda"))
    differing = sum(int(((here[name].weight == 0) != (there[name].weight == 0)).sum()) for name in here)
    assert differing <= _NEAR_TIES * sum(view.weight.numel() for view in here.values())


@pytest.mark.parametrize(
    "spec",
    [
        "magnitude_units", "random_units", "wanda_sp", "flap", "llm_pruner", "greedy_output",
        "wanda_sp@compensation=least_squares", "wanda_sp@compensation=two_step", "svd_llm", "asvd", "slicegpt",
    ],
)  # fmt: skip
def test_smaller_models_are_as_small_as_on_the_cpu(spec: str) -> None:
    model = tiny_model("llama")
    here, there = (pruned(model, spec, "s20", device).sparsity for device in ("cpu", "cuda"))
    assert there.measured == pytest.approx(here.measured, abs=0.02)


@pytest.mark.parametrize("spec", ["shortgpt", "laco@layers=2"])
def test_the_same_blocks_go_as_on_the_cpu(spec: str) -> None:
    model = tiny_model("llama")
    here, there = (pruned(model, spec, "s33", device) for device in ("cpu", "cuda"))
    assert here.notes[0].split(" at ")[0] == there.notes[0].split(" at ")[0]


@pytest.mark.parametrize(("spec", "token"), [("wanda", "u50"), ("sparsegpt", "n2m4"), ("flap", "s20")])
def test_the_same_device_gives_the_same_bits_again(spec: str, token: str) -> None:
    model = tiny_model("llama", dtype=torch.float16)
    once, again = (pruned(model, spec, token, "cuda").model.state_dict() for _ in range(2))
    assert all(torch.equal(tensor, again[name]) for name, tensor in once.items())


def test_peak_memory_does_not_grow_with_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"hidden_size": 512, "intermediate_size": 1024, "head_dim": 128}
    monkeypatch.setitem(CONFIGS, "llama", CONFIGS["llama"] | wide)
    peaks = []
    for blocks in (2, 12):
        model = tiny_model("llama", num_hidden_layers=blocks)
        torch.cuda.reset_peak_memory_stats()
        pruned(model, "sparsegpt", "u50", "cuda")
        peaks.append(torch.cuda.max_memory_allocated())
    block = sum(parameter.nbytes for parameter in model.model.layers[0].parameters())
    assert peaks[1] - peaks[0] < block


def test_a_mapped_block_comes_back_into_its_file_with_what_was_changed() -> None:
    model, device = copy_model(tiny_model("llama"), True), torch.device("cuda")
    homes = [parameter.data_ptr() for parameter in model.parameters()]

    def halve(index: int, statistics: object) -> None:
        for parameter in model.model.layers[index].parameters():
            assert parameter.is_cuda
            parameter.mul_(0.5)

    before = model.model.layers[1].mlp.up_proj.weight.clone()
    visit_blocks(model, IDS, [], halve, device, lambda done, total: None)
    assert torch.equal(model.model.layers[1].mlp.up_proj.weight, before / 2)
    assert [parameter.data_ptr() for parameter in model.parameters()] == homes
    with on_device(model, device, changes=False):
        model.model.norm.weight.zero_()
    assert model.model.norm.weight.any()
    assert all(is_mapped(parameter) for parameter in model.parameters())


def test_out_of_memory_is_a_status_with_its_peak_and_the_next_cell_is_fine(project: Project) -> None:
    project.method("greedy", ASKS_TOO_MUCH)
    project.prune("u50", "u60", "u70", method="greedy")
    records = [load_record(project.sweep("greedy").prune_record(t), PruneRecord) for t in ("u50", "u60", "u70")]
    assert [record.status if record else None for record in records] == ["ok", "oom", "ok"]
    assert records[1] is not None
    assert "GB on the device" in records[1].reason
    assert records[1].cost.peak_device_bytes > 0


def test_the_lock_of_a_device_is_named_by_its_uuid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    uuids = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    assert len(set(uuids)) == len(uuids)
    index, lock = claim_first_free(uuids, pytest.fail)
    assert index == 0
    assert (tmp_path / f"prunebench-gpu-{uuids[0]}.lock").exists()
    lock.close()
