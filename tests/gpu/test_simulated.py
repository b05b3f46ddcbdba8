"""Every method and evaluation on a second device that is simulated: nothing is left behind on the CPU by mistake."""

import copy

import pytest
import torch
from torch import Tensor, nn

from prunebench.config.protocols import Internals
from prunebench.errors import NotApplicable
from prunebench.evaluate.generation import continuation
from prunebench.evaluate.internals import internals
from prunebench.evaluate.packed_lm import PackedLM
from prunebench.evaluate.perplexity import perplexity
from prunebench.evaluate.streaming import stream
from prunebench.models.mapped import copy_model, is_mapped
from prunebench.models.placement import on_device
from prunebench.plugins.header import find_methods, read_header
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.prune.finetune import RecoveryIds
from prunebench.results.expected import block_pairs
from prunebench.targets import Target
from tests.evaluate.tiny import tiny_llama, tiny_tokenizer
from tests.oracles import METHODS_FOLDER
from tests.simulated_device import DEVICE, MixedDevicesError, Simulated, simulated_device
from tests.tiny_models import random_ids, tiny_model

IDS = random_ids(4, 24)
RECOVERY = RecoveryIds(training=IDS, validation=IDS[:1])
TARGETS = {"unstructured": "u50", "structured": "s33", "dense": "u00"}
VARIANTS = [
    "sparsegpt@only=o_proj", "wanda@allocation=owl", "wanda@allocation=alphapruning", "wanda@data=self", "wanda@lora=4",
    "wanda_sp@compensation=least_squares", "wanda_sp@compensation=two_step", "laco@layers=2",
]  # fmt: skip


def test_the_device_refuses_what_a_gpu_refuses() -> None:
    with simulated_device() as device:
        there = torch.ones(2, 3, device=device)
        assert isinstance(there, Simulated)
        assert (there + torch.ones(2, 3).to(device)).cpu().tolist() == [[2.0] * 3] * 2
        assert there[torch.tensor([1])].cpu().tolist() == [[1.0] * 3]
        for mixed in (
            lambda: there + torch.ones(2, 3),
            lambda: there @ torch.ones(3, 2),
            lambda: torch.ones(2, 3)[torch.ones(1, dtype=torch.long, device=device)],
            lambda: torch.rand(2, device=device, generator=torch.Generator()),
        ):
            with pytest.raises(MixedDevicesError):
                mixed()


def methods() -> list[str]:
    # Those that no person wrote run in a sandbox, on the CPU.
    return [
        *(name for name, file in find_methods([METHODS_FOLDER]).items() if file.parent == METHODS_FOLDER),
        *VARIANTS,
    ]


def alike(one: nn.Module, other: nn.Module) -> bool:
    """The same zeros and, up to rounding, the same weights."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(
        a.shape == b.shape and torch.equal(a == 0, b == 0) and torch.allclose(a, b, 1e-3, 1e-4) for a, b in pairs
    )


@pytest.mark.parametrize("spec", methods())
def test_a_method_gives_there_what_it_gives_on_the_cpu(spec: str) -> None:
    header = read_header(METHODS_FOLDER / f"{spec.partition('@')[0]}.py")
    target = Target.parse(TARGETS[header.patterns[0]])
    model, method = tiny_model("llama"), load_method(spec, [METHODS_FOLDER])
    try:
        here = prune_cell(model, method, target, IDS, recovery=RECOVERY).model
    except NotApplicable:
        model = tiny_model("opt")  # it has biases
        here = prune_cell(model, method, target, IDS, recovery=RECOVERY).model
    with simulated_device() as device:
        there = prune_cell(model, method, target, IDS, device=device, recovery=RECOVERY, mapped=True).model
    assert all(is_mapped(parameter) for parameter in there.parameters())
    if spec not in ("svd_llm", "asvd", "slicegpt"):  # whose vectors are determined but for their signs
        assert alike(here, there)


def evaluated(model: nn.Module, windows: Tensor) -> list[object]:
    tokenizer, settings = tiny_tokenizer(), Internals(heads=(0, 1))
    requests = [(("a question", " answer"), [5, 6, 7], [8]), (("a question", " other"), [5, 6, 7], [9, 10])]
    return [
        perplexity(model, windows, "text").items,
        [score for score, _ in PackedLM(model, tokenizer)._loglikelihood_tokens(requests)],
        continuation(model, tokenizer, "University is", 5).text,
        [m.value for m in internals(model, block_pairs(settings.spectra, settings.heads), settings, windows)],
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_evaluations_give_there_what_they_give_on_the_cpu(streamed: bool) -> None:
    model = tiny_llama().requires_grad_(False)
    here = evaluated(copy.deepcopy(model), IDS)
    with simulated_device() as device:
        if streamed:
            stream(model, device)
        else:
            model.to(device)
        there = evaluated(model, IDS)
        blocks = {parameter.device for parameter in model.model.layers.parameters()}
        assert blocks == {torch.device("cpu") if streamed else DEVICE}
    assert there == [value if isinstance(value, str) else pytest.approx(value, rel=1e-4, abs=1e-6) for value in here]


def test_what_comes_back_lies_in_the_storage_it_left() -> None:
    for mapped in (False, True):
        model = copy_model(tiny_model("llama"), mapped)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        homes = [parameter.data_ptr() for parameter in model.parameters()]
        with simulated_device() as device, on_device(model, device):
            for parameter in model.parameters():
                assert parameter.device == DEVICE
                parameter.data.mul_(2)
        assert [parameter.data_ptr() for parameter in model.parameters()] == homes
        assert all(torch.equal(tensor, 2 * before[name]) for name, tensor in model.state_dict().items())
        with simulated_device() as device, on_device(model, device, changes=False):
            model.model.norm.weight.data.zero_()
        assert model.model.norm.weight.any()
