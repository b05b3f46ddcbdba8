"""Speeds are of the right work, memory and FLOPs are the ones counted by hand, and noise stays noise."""

import copy
import time
from statistics import median
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from prunebench.config.protocols import Speed
from prunebench.evaluate.footprint import counted, formula_flops
from prunebench.evaluate.speed import speed
from prunebench.models.units import unit_modules
from prunebench.results.expected import TIMED, expected_pairs
from prunebench.results.intervals import median_interval
from prunebench.results.records import Measurement
from prunebench.sparsity.units import remove_units
from tests.evaluate.tiny import tiny_llama
from tests.tiny_models import CONFIGS, tiny_model

SETTINGS = Speed(prompt_tokens=24, new_tokens=4, repetitions=7)
HIDDEN, FEEDFORWARD, VOCABULARY, LAYERS, HEADS, KV_HEADS, HEAD_DIM = 32, 64, 320, 2, 4, 2, 8


def measured(model: nn.Module, dense: nn.Module, settings: Speed = SETTINGS) -> dict[tuple[str, str], Measurement]:
    return {(found.metric, found.dataset): found for found in speed(model, dense, settings)}


def value(found: dict[tuple[str, str], Measurement], metric: str) -> float:
    number = found[metric, ""].value
    assert number is not None
    return number


def smaller(model: nn.Module) -> nn.Module:
    """The model without the first half of the units of every module."""
    model = copy.deepcopy(model)
    for module in [module for block in unit_modules(model) for module in block]:  # type: ignore[arg-type]
        remove_units(module, torch.arange(module.units) < module.units // 2)
    return model


class Watched(nn.Module):
    """Keeps what the model was called with, and fakes how long a call takes."""

    def __init__(self, model: nn.Module, clock: list[float], seconds: float, calls: list[Any]) -> None:
        super().__init__()
        self.model, self.config = model, model.config
        self._clock, self._seconds, self._calls = clock, seconds, calls

    def get_output_embeddings(self) -> nn.Module:
        return self.model.get_output_embeddings()  # type: ignore[operator, no-any-return]

    def forward(self, input_ids: Tensor, past_key_values: Any, **rest: Any) -> Any:
        before = 0 if past_key_values is None else past_key_values.get_seq_length()
        self._calls.append((self, input_ids.shape[1], before))
        disturbance = 5.0 if len(self._calls) % 61 == 0 else 0.0  # now and then the machine does something else
        self._clock[0] += self._seconds * input_ids.shape[1] + disturbance
        return self.model(input_ids=input_ids, past_key_values=past_key_values, **rest)


def test_known_durations_give_known_speeds_although_some_turns_are_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = [0.0], []  # type: ignore[var-annotated]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    pruned, dense = Watched(tiny_llama(), clock, 0.01, calls), Watched(tiny_llama(), clock, 0.03, calls)
    found = measured(pruned, dense, Speed(prompt_tokens=24, new_tokens=4, repetitions=9))
    assert value(found, "prefill_tokens_per_second") == pytest.approx(100)
    assert value(found, "decode_tokens_per_second") == pytest.approx(100)
    assert value(found, "first_token_seconds") == pytest.approx(0.24)
    assert found["decode_tokens_per_second", "dense"].value == pytest.approx(100 / 3)
    assert value(found, "prefill_speedup") == pytest.approx(3)
    assert value(found, "decode_speedup") == pytest.approx(3)
    ratios = [*found["prefill_speedup", ""].items, *found["decode_speedup", ""].items]
    assert any(abs(ratio - 3) > 0.5 for ratio in ratios), "nothing was disturbed"

    timed = calls[1 + 2 * 5 :]  # after the counted prompt and a turn of each that warms up
    turns = [timed[start : start + 5] for start in range(0, len(timed), 5)]
    for turn in turns:
        assert [call[1:] for call in turn] == [(24, 0), (1, 24), (1, 25), (1, 26), (1, 27)], "the cache is not used"
        assert len({id(call[0]) for call in turn}) == 1
    order = ["pruned" if turn[0][0] is pruned else "dense" for turn in turns]
    assert order == ["pruned", "dense", "dense", "pruned"] * 4 + ["pruned", "dense"]


def test_a_model_beside_itself_is_as_fast_and_every_interval_holds_its_median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter", time.process_time)  # of the work alone: other tests run beside this one
    model = tiny_llama()
    found = measured(copy.deepcopy(model), model, Speed(prompt_tokens=24, new_tokens=4, repetitions=15))
    assert tuple(sorted(found)) == tuple(sorted(expected_pairs(["speed"])["speed"]))
    for (metric, _), one in found.items():
        assert one.value is not None
        assert one.value > 0
        assert len(one.items) == (15 if metric in TIMED else 0)
        if one.items:
            low, high = median_interval(torch.tensor(one.items, dtype=torch.float64).numpy()) or (0.0, 0.0)
            assert low <= one.value == median(one.items) <= high
    assert 0.5 < value(found, "prefill_speedup") < 2
    assert 0.5 < value(found, "decode_speedup") < 2


def test_flops_are_those_of_a_hand_count() -> None:
    tokens = SETTINGS.prompt_tokens
    attention = HIDDEN * HEAD_DIM * (2 * HEADS + 2 * KV_HEADS)
    block = attention + 3 * HIDDEN * FEEDFORWARD
    scores = 2 * HEADS * tokens * tokens * HEAD_DIM  # queries by keys, and what comes of it by values
    by_hand = 2 * (LAYERS * (tokens * block + scores) + VOCABULARY * HIDDEN)
    norms = (2 * LAYERS + 1) * HIDDEN
    found = measured(tiny_llama(), tiny_llama())
    assert value(found, "flops_counted") == by_hand
    assert value(found, "flops") == 2 * 1024 * (LAYERS * block + norms + VOCABULARY * HIDDEN)


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_flops_do_not_depend_on_the_kernel_or_the_dtype(kernel: str, dtype: torch.dtype) -> None:
    model = tiny_llama(dtype)
    model.set_attn_implementation(kernel)  # type: ignore[operator]
    assert value(measured(model, tiny_llama(dtype)), "flops_counted") == value(
        measured(tiny_llama(), tiny_llama()), "flops_counted"
    )


def test_a_tied_head_counts_in_the_formula_too() -> None:
    assert formula_flops(tiny_llama(tie_word_embeddings=True)) == formula_flops(tiny_llama())


@pytest.mark.parametrize("model_type", sorted(CONFIGS))
def test_removed_units_need_less_of_everything_and_zeros_need_as_much(model_type: str) -> None:
    dense = tiny_model(model_type)
    masked = copy.deepcopy(dense)
    with torch.no_grad():
        for parameter in masked.parameters():
            parameter[::2] = 0
    before, less, same = (measured(model, dense) for model in (dense, smaller(dense), masked))
    for metric in ("flops", "flops_counted", "inference_memory_gb"):
        assert value(less, metric) < 0.95 * value(before, metric), metric
        assert value(same, metric) == value(before, metric), metric


def test_live_bytes_are_the_weights_and_what_is_alive_at_the_fullest_moment() -> None:
    layer = nn.Linear(100, 50, bias=False)
    x = torch.ones(10, 100)

    def run() -> None:
        y = layer(x)  # 2,000 bytes
        del y
        y = layer(x).view(5, 100)  # again as many, and a view of them
        z = torch.cat([y, y])  # 4,000 more
        del y
        z.add_(1)

    with torch.no_grad():
        flops, peak = counted(layer, run)
        assert counted(layer, lambda: None) == (0, 20_000)
    assert flops == 2 * 2 * 10 * 100 * 50
    assert peak == 20_000 + 2_000 + 4_000


def test_the_models_are_left_as_they_were() -> None:
    model, dense = tiny_llama().train(), tiny_llama()
    states = [{name: tensor.clone() for name, tensor in m.state_dict().items()} for m in (model, dense)]
    speed(model, dense, SETTINGS)
    assert model.training
    assert not dense.training
    for m, state in zip((model, dense), states, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in m.state_dict().items())


def test_a_prompt_too_long_for_the_positions_is_cut() -> None:
    calls: list[Any] = []
    model = Watched(tiny_model("gpt2"), [0.0], 0.0, calls)  # 128 learned positions
    speed(model, tiny_model("gpt2"), Speed(prompt_tokens=500, new_tokens=10, repetitions=6))
    assert max(call[1] + call[2] for call in calls) == 128
    assert calls[0][1] == 118
    calls.clear()
    speed(model, tiny_model("gpt2"), Speed(prompt_tokens=500, new_tokens=500, repetitions=6))
    assert (calls[0][1], len(calls)) == (64, 1 + 7 * 65)
