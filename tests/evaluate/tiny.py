"""A tokenizer and task items small enough for tests, in the columns lm-eval's definitions read."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from prunebench.files import sha256_file
from prunebench.sealed import write_sealed

Item = dict[str, Any]

_TEXT = """Question: How do you keep bread fresh for a week? Answer: Put it in a paper bag inside a wooden box.
Question: Which of these is a metal? Answer: copper. Water boils when it is heated. The kettle whistles on the stove.
The sun is a star, the moon is not. University is where people learn. A cat sleeps on the warm window sill all day."""


@cache
def _backend(with_bos: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_TEXT], trainer)
    if with_bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return tokenizer


def tiny_tokenizer(with_bos: bool = False, pad_token: str | None = "</s>") -> PreTrainedTokenizerFast:
    """A byte-level tokenizer of 320 tokens; `with_bos` puts <s> before every text, as Llama's does."""
    return PreTrainedTokenizerFast(
        tokenizer_object=_backend(with_bos), bos_token="<s>", eos_token="</s>", pad_token=pad_token
    )


def tiny_llama(dtype: torch.dtype = torch.float32, seed: int = 0, spread: float = 0.2, **config: Any) -> nn.Module:
    """A random Llama of that vocabulary whose predictions differ from token to token (`spread`: std of weights)."""
    settings = LlamaConfig(
        vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=spread, bos_token_id=0, eos_token_id=1,
        **config,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(settings, dtype=dtype).eval()


PIQA: list[Item] = [
    {
        "goal": "keep bread fresh",
        "sol1": "Put it in a paper bag.",
        "sol2": "Put it in the rain, uncovered.",
        "label": 0,
    },
    {"goal": "boil water", "sol1": "Freeze it.", "sol2": "Heat it in a kettle until it whistles.", "label": 1},
    {"goal": "wake a cat", "sol1": "Open a tin – it hears that.", "sol2": "Ask.", "label": 0},
    {"goal": "see the stars", "sol1": "Wait for noon.", "sol2": "Wait for a clear night.", "label": 1},
    {"goal": "clean a window", "sol1": "Soap and water.", "sol2": "Soup and water.", "label": 0},
    {"goal": "dry a towel", "sol1": "Leave it in the bath.", "sol2": "Hang it on a line.", "label": 1},
]

ARC: list[Item] = [
    {
        "id": "metal",
        "question": "Which of these is a metal?",
        "choices": {"text": ["copper", "wood", "glass wool", "paper"], "label": ["A", "B", "C", "D"]},
        "answerKey": "A",
    },
    {
        "id": "star",
        "question": "Which of these is a star?",
        "choices": {"text": ["the moon", "the sun", "a comet"], "label": ["1", "2", "3"]},
        "answerKey": "2",
    },
    {
        "id": "warm",
        "question": "What makes a stone warm on a summer day?",
        "choices": {"text": ["shade", "wind", "rain at night", "light of the sun"], "label": ["A", "B", "C", "D"]},
        "answerKey": "D",
    },
]

HELLASWAG: list[Item] = [
    {
        "activity_label": "Making tea",
        "ctx_a": "A woman fills a kettle.",
        "ctx_b": "she",
        "endings": ["puts it on the stove.", "paints it [step] blue.", "throws it away.", "sings to a fish."],
        "label": "0",
    }
]

BOOLQ: list[Item] = [
    {"passage": "The sun is a star.", "question": "is the sun a star", "label": 1},
    {"passage": "The moon is not a star.", "question": "is the moon a star", "label": 0},
]


def subject_items(subject: str, count: int) -> list[Item]:
    """MMLU items of one subject, each with its number in the question."""
    return [
        {
            "subject": subject,
            "question": f"What is number {number} of {subject}?",
            "choices": ["one", "two", "three", "four"],
            "answer": number % 4,
        }
        for number in range(count)
    ]


def write_task(folder: Path, parts: dict[str, list[Item]], fewshot: dict[str, list[Item]] | None = None) -> Path:
    """A folder as the asset rule leaves it: files of items and the manifest that names them."""
    folder.mkdir(parents=True)
    described = {}
    for part, items in parts.items():
        described[part] = {"items": f"items-{part}.jsonl", "count": len(items), "fewshot": None}
        _write_lines(folder / f"items-{part}.jsonl", items)
        if fewshot is not None:
            described[part]["fewshot"] = f"fewshot-{part}.jsonl"
            _write_lines(folder / f"fewshot-{part}.jsonl", fewshot[part])
    files = {file.name: sha256_file(file) for file in folder.iterdir()}
    write_sealed(folder / "asset.json", json.dumps({"parts": described, "files": files}, indent=1))
    return folder


def _write_lines(path: Path, items: list[Item]) -> None:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
