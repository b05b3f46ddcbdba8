"""The continuation is the greedy one, whatever the checkpoint says about sampling."""

import logging
import warnings

import pytest
import torch
from torch import nn

from prunebench.evaluate.generation import continuation
from prunebench.evaluate.perplexity import divergence
from tests.evaluate.tiny import tiny_llama, tiny_tokenizer

PROMPT = "University is"


@pytest.mark.parametrize("with_bos", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_equals_greedy_generation_with_a_cache(seed: int, with_bos: bool) -> None:
    model, tokenizer = tiny_llama(seed=seed), tiny_tokenizer(with_bos)
    inputs = tokenizer(PROMPT, return_tensors="pt")
    expected = model.generate(
        input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, max_new_tokens=20, do_sample=False
    )
    measured = continuation(model, tokenizer, PROMPT, 20)
    assert measured.text == tokenizer.decode(expected[0], skip_special_tokens=True)
    assert (measured.metric, measured.dataset, measured.value) == ("continuation", PROMPT, None)


def test_sampling_settings_of_the_checkpoint_are_ignored_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    model, tokenizer = tiny_llama(), tiny_tokenizer()
    expected = continuation(model, tokenizer, PROMPT, 20)
    model.generation_config.update(do_sample=True, temperature=9.0, top_k=50, top_p=0.5, num_beams=3, max_length=4)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        assert [continuation(model, tokenizer, PROMPT, 20) for _ in range(3)] == [expected] * 3
    assert not caplog.records


def always(token: int) -> nn.Module:
    """A model that predicts one token wherever it is."""
    model = tiny_llama()
    with torch.no_grad():
        model.model.norm.weight.zero_()  # all hidden states equal ...
        model.lm_head = nn.Linear(32, 320)
        model.lm_head.weight.zero_()
        model.lm_head.bias.zero_()
        model.lm_head.bias[token] = 1.0  # ... so the bias decides
    return model


def test_as_many_tokens_as_asked_for_follow_the_prompt_unchanged() -> None:
    tokenizer = tiny_tokenizer()
    (token,) = tokenizer.convert_tokens_to_ids(["x"])
    assert continuation(always(token), tokenizer, "  Odd   spaces , kept .", 3).text == "  Odd   spaces , kept .xxx"
    assert continuation(always(token), tokenizer, PROMPT, 20).text == PROMPT + 20 * "x"


def test_the_end_of_the_text_ends_it() -> None:
    tokenizer = tiny_tokenizer()
    assert continuation(always(tokenizer.eos_token_id), tokenizer, PROMPT, 20).text == PROMPT


def test_a_model_of_nans_has_no_text_and_is_diverged() -> None:
    model = tiny_llama()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    measured = continuation(model, tiny_tokenizer(), PROMPT, 20)
    assert measured.text is None
    assert divergence(measured) == "continuation of 'University is': the logits are not numbers"


def test_the_model_is_left_as_it_was() -> None:
    model = tiny_llama().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    continuation(model, tiny_tokenizer(), PROMPT, 3)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
