"""Tiny models learn from their text, reproducibly, and come out as ordinary OPT and GPT-2 checkpoints."""

import math
import random

import pytest
import torch
from transformers.pytorch_utils import Conv1D

from prunebench.assets.tiny import train_tiny
from prunebench.config.registry import TrainSource
from prunebench.errors import PrunebenchError
from prunebench.models.load import load_model, load_tokenizer

SIZES = {
    "vocabulary": 320, "hidden": 32, "layers": 2, "heads": 2, "feedforward": 64, "positions": 64,
    "steps": 60, "batch": 2, "learning_rate": 0.01,
}  # fmt: skip


def recipe(architecture: str = "opt", **changes) -> TrainSource:
    return TrainSource(kind="train", architecture=architecture, text="t", **{**SIZES, **changes})


@pytest.fixture(scope="module")
def documents():
    """Sentences of a small grammar: each word allows few next ones, which token frequencies alone do not know."""
    generator = random.Random(0)
    follows = {
        "the": ["state", "union", "people"],
        "state": ["of"],
        "of": ["the"],
        "union": ["is"],
        "is": ["strong", "the"],
    }
    follows |= {"people": ["are", "of"], "are": ["strong", "the"], "strong": ["and"], "and": ["the"]}

    def document():
        words = ["the"]
        while len(words) < 120:
            words.append(generator.choice(follows[words[-1]]))
        return " ".join(words)

    return [document() for _ in range(60)]


@pytest.fixture(scope="module", params=["opt", "gpt2"])
def trained(request, documents):
    return request.param, *train_tiny(recipe(request.param), documents)


def test_the_model_learns_more_than_token_frequencies(trained):
    *_, facts = trained
    assert facts["held_out_perplexity"] < 0.4 * facts["unigram_perplexity"]
    assert [step for step, _ in facts["loss"]] == [25, 50, 60]
    assert facts["loss"][-1][1] < facts["loss"][0][1] < math.log(SIZES["vocabulary"]) + 0.5


def test_the_held_out_perplexity_is_that_of_unseen_documents(trained, documents):
    _, model, tokenizer, facts = trained
    stream = []
    for text in documents[::20]:
        stream += [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)]
    losses = []
    for start in range(0, len(stream) - 63, 64):
        ids = torch.tensor([stream[start : start + 64]])
        logits = model(ids).logits[0, :-1].double()
        losses.append(torch.nn.functional.cross_entropy(logits, ids[0, 1:]).item())
    assert facts["held_out_perplexity"] == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)


def test_biases_positions_and_gains_have_learned_something(trained):
    _, model, *_ = trained
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and "k_proj" not in name:  # softmax ignores what a key bias adds to every score
            start = 0.0 if "bias" in name else 1.0
            assert ((parameter - start).abs() > 1e-4).float().mean() > 0.5, name
    positions = next(weight for name, weight in model.named_parameters() if "positions" in name or "wpe" in name)
    assert positions.std(dim=0).mean() > 0.02


def test_both_kinds_of_linear_and_the_architectures_traits_are_there(trained):
    architecture, model, tokenizer, _ = trained
    assert model.config.model_type == architecture
    assert any(isinstance(module, Conv1D) for module in model.modules()) == (architecture == "gpt2")
    begins_with_bos = tokenizer("the state").input_ids[0] == tokenizer.bos_token_id
    assert begins_with_bos == (architecture == "opt")
    if architecture == "opt":
        assert model.config.activation_function == "relu"
        assert model.model.decoder.layers[0].fc2.bias is not None


def test_the_token_that_begins_texts_is_trained_like_any_other(trained):
    _, model, tokenizer, _ = trained
    fresh = 0.02  # standard deviation of both architectures' initial embeddings
    assert model.get_input_embeddings().weight[tokenizer.bos_token_id].std() > 1.5 * fresh


def test_a_saved_model_and_tokenizer_come_back_the_same(trained, tmp_path):
    _, model, tokenizer, _ = trained
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    text = "The union is strong:\n\n  \u201cand the people\u201d \U0001f5fd"
    assert loaded(text).input_ids == tokenizer(text).input_ids
    assert loaded.decode(loaded(text).input_ids, skip_special_tokens=True) == text
    ids = torch.tensor([loaded(text).input_ids])
    assert torch.equal(load_model(tmp_path, "float32")(ids).logits, model(ids).logits)


def test_equal_seeds_give_equal_weights_and_other_seeds_others(documents):
    state = torch.get_rng_state()
    first, second, other = (train_tiny(recipe(steps=4, seed=seed), documents) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state), "the global generator was moved"
    assert first[1].get_vocab() == second[1].get_vocab()
    assert first[2]["loss"] == second[2]["loss"]
    for (name, left), right, changed in zip(
        first[0].named_parameters(), second[0].parameters(), other[0].parameters(), strict=True
    ):
        assert torch.equal(left, right), name
        if left.ndim == 2:
            assert not torch.equal(left, changed), name


def test_a_text_that_is_too_short_is_refused(documents):
    with pytest.raises(PrunebenchError, match="training needs more than 64 of each"):
        train_tiny(recipe(), ["too short"] * 3)
