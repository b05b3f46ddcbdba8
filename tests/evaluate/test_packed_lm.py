"""Packed scoring gives HFLM's scores: for every architecture it is used on, and where it steps aside."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from prunebench.errors import PrunebenchError
from prunebench.evaluate.packed_lm import PACKABLE, PackedLM
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.units import unit_modules
from prunebench.sparsity.units import remove_units
from tests.evaluate.tiny import tiny_llama, tiny_tokenizer

_LLAMA_LIKE = {"intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8}
_SPECIFIC: dict[str, dict[str, Any]] = {
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "gpt2": {},
    "gpt_neox": {"intermediate_size": 64},
    "phi": {"intermediate_size": 64},
    "phi3": {"intermediate_size": 64, "num_key_value_heads": 2},
}

REQUESTS = [
    ("Question: Which is a metal?\nAnswer:", " copper"),
    ("Question: Which is a metal?\nAnswer:", " a wooden box on the sill"),
    ("Question: Which is a metal?\nAnswer:", " a wooden box"),
    ("Question: Which is a metal?\nAnswer:", " copper"),
    ("Is the sun a star? Answer:", " y"),
    ("Is the sun a star? Answer:", " n"),
    ("", "Water boils."),
    ("A cat ", "sleeps."),
    *[(f"Number {number} of a long list:" + " warm water" * (number % 5), f" {number}") for number in range(30)],
]

Requests = list[tuple[str, str]]


def model_of(model_type: str, **changes: Any) -> nn.Module:
    """A random model with two layers, 4 heads of 8 and weights that make tokens differ."""
    config = AutoConfig.for_model(
        model_type,
        **{
            "vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
            "max_position_embeddings": 128, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
            "initializer_range": 0.2, "init_std": 0.2,
            **_SPECIFIC.get(model_type, _LLAMA_LIKE), **changes,
        },
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def scores(lm: HFLM, requests: Requests) -> tuple[torch.Tensor, list[bool]]:
    instances = [Instance("loglikelihood", {}, request, 0) for request in requests]
    with torch.no_grad():
        answers = lm.loglikelihood(instances, disable_tqdm=True)
    return torch.tensor([score for score, _ in answers]), [greedy for _, greedy in answers]


def assert_like_hflm(model: nn.Module, requests: Requests = REQUESTS, with_bos: bool = False) -> None:
    tokenizer = tiny_tokenizer(with_bos)
    expected, expected_greedy = scores(HFLM(model, tokenizer=tokenizer, batch_size=1), requests)
    packed, greedy = scores(PackedLM(model, tokenizer), requests)
    torch.testing.assert_close(packed, expected, rtol=1e-5, atol=1e-4)
    assert greedy == expected_greedy


@pytest.mark.parametrize("model_type", ["llama", "phi3", "opt", "gpt2", "gpt_neox"])
def test_models_that_lost_different_numbers_of_heads_are_scored_like_hflm(model_type: str) -> None:
    model = model_of(model_type)
    for index, block in enumerate(unit_modules(model)):
        for module in block:
            remove_units(module, torch.arange(module.units) <= (index if module.kind == "mlp" else index - 1))
    assert_like_hflm(model)


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of the token ids the packed path hands to a model."""
    shapes: list[tuple[int, ...]] = []
    original: Callable[..., Any] = PackedLM._logits

    def counted(self: PackedLM, trie: Any, nodes: list[int]) -> torch.Tensor:
        shapes.append((1, len(trie)))
        return original(self, trie, nodes)

    monkeypatch.setattr(PackedLM, "_logits", counted)
    return shapes


def test_every_architecture_we_prune_is_packed() -> None:
    assert set(PACKABLE) == set(ARCHITECTURES)


@pytest.mark.parametrize("model_type", PACKABLE)
def test_scores_are_those_of_hflm(model_type: str, forwards: list[tuple[int, ...]]) -> None:
    assert_like_hflm(model_of(model_type))
    assert len(forwards) > 1  # packed, and in more than one pack


@pytest.mark.parametrize("model_type", ["llama", "opt", "gpt2"])
def test_scores_are_those_of_hflm_with_eager_attention(model_type: str, forwards: list[tuple[int, ...]]) -> None:
    model = model_of(model_type)
    model.set_attn_implementation("eager")
    assert_like_hflm(model)
    assert forwards


def test_scores_are_those_of_hflm_where_the_tokenizer_adds_a_beginning() -> None:
    assert_like_hflm(model_of("llama"), with_bos=True)


def test_a_choice_is_greedy_if_each_of_its_tokens_is_the_most_likely() -> None:
    model, tokenizer = model_of("llama"), tiny_tokenizer()
    context = [5, 6, 7]
    likely: list[int] = []
    for _ in range(3):
        with torch.no_grad():
            likely.append(int(model(torch.tensor([context + likely])).logits[0, -1].argmax()))
    choices = [likely, likely[:1], [*likely[:2], likely[2] ^ 1], [likely[0] ^ 1, *likely[1:]]]
    requests = [(("", ""), context, choice) for choice in choices]
    for lm in (PackedLM(model, tokenizer), HFLM(model, tokenizer=tokenizer, batch_size=1)):
        with torch.no_grad():
            answers = lm._loglikelihood_tokens(requests, disable_tqdm=True)
        assert [greedy for _, greedy in answers] == [True, True, False, False]


@pytest.mark.parametrize("model_type", ["mistral", "gemma3_text"])
def test_a_sliding_window_shorter_than_a_request_is_left_to_hflm(
    model_type: str, forwards: list[tuple[int, ...]]
) -> None:
    assert_like_hflm(model_of(model_type, sliding_window=8))
    assert not forwards


def test_an_architecture_not_known_to_pack_is_left_to_hflm(
    forwards: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prunebench.evaluate.packed_lm.PACKABLE", ("opt",))
    assert_like_hflm(model_of("llama"))
    assert not forwards


def test_a_request_longer_than_the_model_loses_its_beginning(caplog: pytest.LogCaptureFixture) -> None:
    long = ("The kettle whistles on the stove. " * 40 + "Answer:", " copper")
    with caplog.at_level(logging.WARNING, "prunebench"):
        assert_like_hflm(model_of("opt"), [long, *REQUESTS])
    assert "1 of 39 requests are longer than the model" in caplog.text


def test_a_choice_without_tokens_is_an_error() -> None:
    with pytest.raises(PrunebenchError, match="a choice of 0 tokens cannot be scored"):
        scores(PackedLM(model_of("llama"), tiny_tokenizer()), [("Question:", "")])


def test_a_shared_context_is_read_once(forwards: list[tuple[int, ...]]) -> None:
    tokenizer = tiny_tokenizer()
    context, choices = "The cat sleeps on the sill all day. " * 3 + "Answer:", [" warm", " copper", " in the sun"]
    scores(PackedLM(model_of("llama"), tokenizer), [(context, choice) for choice in choices])
    # The last token of a choice is predicted and never read.
    read = len(tokenizer(context).input_ids) + sum(len(tokenizer(choice).input_ids) - 1 for choice in choices)
    assert forwards == [(1, read)]


def test_examples_before_many_items_stay_in_one_pack(forwards: list[tuple[int, ...]]) -> None:
    examples = "The kettle whistles on the stove. " * 50
    requests = [(f"{examples}Is it {number}?", answer) for number in range(12) for answer in (" yes", " no")]
    model = model_of("llama", max_position_embeddings=2048)
    assert_like_hflm(model, requests)
    tokens = sum(length for _, length in forwards)
    alone = len(tiny_tokenizer()(examples).input_ids)
    assert alone < tokens < 3 * alone


def test_bfloat16_scores_are_close_to_float32() -> None:
    exact, _ = scores(PackedLM(tiny_llama(spread=0.02), tiny_tokenizer()), REQUESTS)
    rounded, _ = scores(PackedLM(tiny_llama(torch.bfloat16, spread=0.02), tiny_tokenizer()), REQUESTS)
    torch.testing.assert_close(rounded, exact, rtol=2e-3, atol=0.05)


def test_an_untied_head_stays_untied() -> None:
    model = tiny_llama(tie_word_embeddings=True)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    head = nn.Parameter(-model.lm_head.weight.detach())
    model.lm_head.weight = head
    PackedLM(model, tiny_tokenizer())
    assert model.lm_head.weight is head
    assert "tie_weights" not in vars(model)
