"""A streamed model gives the bits that the plain one gives. On the CPU nothing moves, but the paths are the same."""

import copy
import weakref

import pytest
import torch
from torch import nn

from prunebench.config.protocols import Internals
from prunebench.contract.tiny_models import TINY_CONFIGS, tiny_calibration
from prunebench.contract.tiny_models import tiny_model as contract_model
from prunebench.engine.capture import capture_block_calls
from prunebench.evaluate import streaming
from prunebench.evaluate.generation import continuation
from prunebench.evaluate.internals import internals
from prunebench.evaluate.packed_lm import PackedLM
from prunebench.evaluate.perplexity import perplexity
from prunebench.evaluate.streaming import is_streamed, place, stream
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.mapped import copy_model
from prunebench.models.placement import on_device
from prunebench.patches.surgery import keep_blocks
from prunebench.results.expected import block_pairs
from tests.evaluate.tiny import tiny_llama, tiny_tokenizer
from tests.tiny_models import CONFIGS, random_ids, tiny_model

CPU = torch.device("cpu")
WINDOWS = random_ids(5, 13)


def streamed(model: nn.Module) -> nn.Module:
    """A copy whose blocks visit the CPU, from files."""
    model = copy_model(model, True)
    stream(model, CPU)
    assert is_streamed(model)
    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_perplexity_has_the_same_bits_with_several_windows_to_a_pass(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_PASS_TOKENS", 2 * WINDOWS.shape[1] + 1)
    model = tiny_model(name)
    assert perplexity(streamed(model), WINDOWS, "text") == perplexity(model, WINDOWS, "text")


def test_each_block_is_computed_once_for_each_window_and_comes_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    model, visits, forwards = streamed(tiny_model("llama")), [], []
    plain = streaming.on_device

    def counted(module: nn.Module, *args: object, **options: object) -> object:
        visits.append(module)
        return plain(module, *args, **options)  # type: ignore[arg-type]

    for layer in model.model.layers:
        layer.mlp.register_forward_hook(lambda module, *_: forwards.append(module))
    monkeypatch.setattr(streaming, "on_device", counted)
    perplexity(model, WINDOWS, "text")
    assert len(forwards) == len(WINDOWS) * len(model.model.layers)
    # Once for all windows, and within that once more, which moves nothing, for each.
    assert len(visits) == (1 + len(WINDOWS)) * len(model.model.layers)


def test_what_a_block_was_given_is_not_kept_when_it_has_given_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs, alive = streamed(tiny_model("llama")), [], []

    def captured(*args: object) -> object:
        first, calls = capture_block_calls(*args)  # type: ignore[arg-type]
        inputs.append(weakref.ref(first))
        return first, calls

    monkeypatch.setattr(streaming, "capture_block_calls", captured)
    count = lambda *_: alive.append(sum(ref() is not None for ref in inputs))  # noqa: E731
    for layer in model.model.layers[:2]:
        layer.mlp.register_forward_hook(count)
    perplexity(model, WINDOWS, "text")
    assert alive == [5, 4, 3, 2, 1, *[0] * 5]  # of the first block, then of the second


@pytest.mark.parametrize(("windows_that_fit", "passes"), [(5.5, 1), (2.5, 3), (0.5, 5)])
def test_on_a_gpu_as_many_windows_go_together_as_half_of_what_is_free_holds(
    windows_that_fit: float, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tiny_model("llama")
    model, config = streamed(plain), plain.config
    # Hidden states, and the cosines and sines of positions, which all blocks share, in float32; the rest is small.
    kept = WINDOWS.shape[1] * 4 * (config.hidden_size + 2 * config.head_dim)
    monkeypatch.setattr(streaming, "_free_bytes", lambda device: 2 * windows_that_fit * kept)
    visits: list[nn.Module] = []
    monkeypatch.setattr(
        streaming, "on_device",
        lambda module, *args, **options: visits.append(module) or on_device(module, *args, **options),
    )  # fmt: skip
    assert perplexity(model, WINDOWS, "text") == perplexity(plain, WINDOWS, "text")
    assert len(visits) == (passes + len(WINDOWS)) * len(model.model.layers)


def test_a_model_that_lost_blocks_is_streamed_like_any_other() -> None:
    model = tiny_model("llama")
    keep_blocks(model, ARCHITECTURES["llama"].container, [0, 2])
    assert perplexity(streamed(model), WINDOWS, "text") == perplexity(model, WINDOWS, "text")


def test_generation_and_zero_shot_scores_have_the_same_bits() -> None:
    model, tokenizer = tiny_llama(), tiny_tokenizer()
    other = streamed(model)
    assert continuation(other, tokenizer, "University is", 5) == continuation(model, tokenizer, "University is", 5)
    requests = [(("a question", " answer"), [5, 6, 7], [8]), (("a question", " other"), [5, 6, 7], [9, 10])]
    scores = [PackedLM(each, tokenizer)._loglikelihood_tokens(requests) for each in (other, model)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("name", TINY_CONFIGS)
def test_the_inside_has_the_same_bits(name: str) -> None:
    settings = Internals(heads=(0, 1))
    wanted = block_pairs(settings.spectra, settings.heads)
    model, ids = contract_model(name), tiny_calibration(samples=3, tokens=9)
    assert internals(streamed(model), wanted, settings, ids) == internals(model, wanted, settings, ids)


def test_recording_how_blocks_are_called_leaves_them_streamed() -> None:
    model = streamed(tiny_model("llama"))
    capture_block_calls(model, list(model.model.layers), WINDOWS[:1])
    assert is_streamed(model)


def test_on_the_cpu_nothing_is_streamed() -> None:
    model = tiny_model("llama")
    assert place(model, CPU) is model
    assert not is_streamed(model)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["llama", "gpt2", "opt"])
def test_on_a_gpu_a_streamed_model_has_the_same_bits_and_leaves_its_blocks_at_home(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = torch.device("cuda")
    model = tiny_model(name, dtype=torch.float16)
    plain = place(copy.deepcopy(model), device)
    assert not is_streamed(plain)
    monkeypatch.setattr(streaming, "_ROOM", 0.0)
    other = place(copy_model(model, True), device)
    assert is_streamed(other)
    assert perplexity(other, WINDOWS, "text") == perplexity(plain, WINDOWS, "text")
    assert {p.device.type for block in streaming._blocks(other) for p in block.parameters()} == {"cpu"}
    assert next(other.parameters()).device.type == "cuda"
