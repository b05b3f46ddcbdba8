"""Weights over scratch files: ordinary tensors, of which nothing is left in the folder."""

import copy
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch import nn

from prunebench.errors import StorageError
from prunebench.models.mapped import (
    copy_beside,
    copy_model,
    is_mapped,
    joined,
    map_the_rest,
    mapped_copy,
    mapped_empty,
    scratch_folder,
)
from prunebench.models.placement import on_device
from tests.tiny_models import random_ids, tiny_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory(dir=scratch_folder()) as folder:  # not `tmp_path`: `/tmp` may be kept in memory
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.mark.parametrize("shape", [(3, 5), (7,), (), (0, 4)])
def test_a_mapped_copy_has_the_values_and_no_name_in_the_folder(scratch: Path, shape: tuple[int, ...]) -> None:
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    mapped = mapped_copy(tensor)
    assert torch.equal(mapped, tensor)
    assert (mapped.shape, mapped.dtype) == (tensor.shape, tensor.dtype)
    assert is_mapped(mapped) == (tensor.numel() > 0)
    assert not is_mapped(tensor)
    assert list(scratch.iterdir()) == []


def test_a_transposed_tensor_is_copied_by_its_values() -> None:
    tensor = torch.arange(6.0).view(2, 3).T
    assert torch.equal(mapped_copy(tensor), tensor)


def test_a_folder_without_room_is_named_and_nothing_is_left(scratch: Path) -> None:
    with pytest.raises(StorageError, match=f"{scratch} cannot take 1000000.00 GB of mapped weights"):
        mapped_empty([10**15], torch.uint8)
    assert list(scratch.iterdir()) == []


def test_a_folder_that_is_kept_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.path.ismount("/dev/shm"):
        pytest.skip("no file system in memory to try")
    monkeypatch.setenv("TMPDIR", "/dev/shm")
    with pytest.raises(StorageError, match="/dev/shm is kept in memory, where mapped weights save none; set TMPDIR"):
        mapped_empty([3], torch.float32)


def test_a_file_that_cannot_be_mapped_is_named_like_one_that_cannot_be_written(scratch: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + 2**26, before[1]))
    try:
        with pytest.raises(StorageError, match=rf"{scratch} cannot take 0\.27 GB of mapped weights \(.*; set TMPDIR"):
            mapped_empty([2**28], torch.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_a_copy_of_a_model_shares_nothing_with_it_and_stays_tied() -> None:
    model = tiny_model("llama", tie_word_embeddings=True)
    before = copy.deepcopy(model.state_dict())
    mapped = copy_model(model, True)
    assert all(is_mapped(parameter) for parameter in mapped.parameters())
    assert mapped.lm_head.weight is mapped.model.embed_tokens.weight
    assert torch.equal(mapped(random_ids()).logits, model(random_ids()).logits)
    for parameter in mapped.parameters():
        parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_copies_and_joined_parts_lie_where_their_like_do() -> None:
    plain, mapped = torch.arange(3.0), mapped_copy(torch.arange(4.0))
    assert is_mapped(copy_beside(plain, mapped))
    assert not is_mapped(copy_beside(mapped, plain))
    assert not is_mapped(joined([plain, plain]))
    assert is_mapped(joined([plain, mapped]))
    assert joined([plain, mapped]).tolist() == [0, 1, 2, 0, 1, 2, 3]


def test_what_a_method_puts_into_a_mapped_module_is_mapped_and_a_plain_one_stays_plain() -> None:
    for mapped in (True, False):
        module = copy_model(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), mapped)
        new = nn.Parameter(torch.ones(2, 3))
        module[1].weight = new
        map_the_rest(module)
        assert is_mapped(module[1].weight) == mapped
        assert module[1].weight.tolist() == [[1, 1, 1]] * 2


def test_values_assigned_meanwhile_are_written_into_the_storage_from_before() -> None:
    module = copy_model(nn.Linear(3, 2), True)
    home = module.weight.data_ptr()
    with on_device(module, CPU):
        module.weight.data = torch.full((2, 3), 5.0)  # what coming back from a device looks like
        module.bias = nn.Parameter(torch.ones(4))
    assert module.weight.data_ptr() == home
    assert module.weight.tolist() == [[5.0] * 3] * 2
    assert module.bias.tolist() == [1.0] * 4
    assert is_mapped(module.bias)


def test_changes_that_are_not_wanted_are_dropped() -> None:
    module = copy_model(nn.Linear(3, 2), True)
    before, home = module.weight.clone(), module.weight.data_ptr()
    with on_device(module, CPU, changes=False):
        module.weight.data = torch.zeros(2, 3)
    assert torch.equal(module.weight, before)
    assert module.weight.data_ptr() == home


def test_modules_that_have_changed_places_keep_their_weights() -> None:
    module = copy_model(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), True)
    first, second = (part.weight.clone() for part in module)
    with on_device(module, CPU):
        module[0], module[1] = module[1], module[0]
    assert torch.equal(module[0].weight, second)
    assert torch.equal(module[1].weight, first)


def test_after_an_error_the_weights_are_at_home() -> None:
    module = copy_model(nn.Linear(3, 2), True)
    before = module.weight.clone()

    def fails() -> None:
        with on_device(module, CPU, changes=False):
            module.weight.data = torch.zeros(2, 3)
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        fails()
    assert torch.equal(module.weight, before)
