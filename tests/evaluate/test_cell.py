"""Each kind of evaluation with the protocol's settings."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from prunebench.config.protocols import Calibration, Generation, Perplexity, Protocol, Speed, Zeroshot
from prunebench.evaluate.cell import EvaluationContext, evaluate_kind
from prunebench.evaluate.generation import continuation
from prunebench.evaluate.perplexity import perplexity
from tests.evaluate.tiny import PIQA, tiny_llama, tiny_tokenizer, write_task

PROTOCOL = Protocol(
    title="a test",
    calibration=Calibration(text="a"),
    perplexity=Perplexity(texts=("a", "b")),
    zeroshot=Zeroshot(limit=4),
    generation=Generation(prompt="A cat", max_new_tokens=3),
    speed=Speed(prompt_tokens=8, new_tokens=2, repetitions=7),
)
WINDOWS = {name: torch.arange(start, start + 24).view(3, 8) for name, start in (("a", 10), ("b", 100))}


def test_perplexity_measures_every_text() -> None:
    model = tiny_llama()
    context = EvaluationContext(PROTOCOL, tiny_tokenizer(), windows=WINDOWS)
    expected = [perplexity(model, WINDOWS["a"], "a"), perplexity(model, WINDOWS["b"], "b")]
    assert evaluate_kind("perplexity", model, context) == expected


def test_zeroshot_uses_the_protocols_limit_and_loads_its_tasks_once(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "piqa", {"piqa": PIQA})
    context = EvaluationContext(PROTOCOL, tiny_tokenizer(), tasks={"piqa": folder})
    first = evaluate_kind("zeroshot", tiny_llama(), context)
    assert [(m.dataset, m.metric, len(m.items)) for m in first] == [("piqa", "acc", 4), ("piqa", "acc_norm", 4)]
    for file in folder.iterdir():
        file.unlink()
    assert evaluate_kind("zeroshot", tiny_llama(), context) == first


def test_generation_uses_the_protocols_prompt_and_length() -> None:
    model, tokenizer = tiny_llama(), tiny_tokenizer()
    context = EvaluationContext(PROTOCOL, tokenizer)
    assert evaluate_kind("generation", model, context) == [continuation(model, tokenizer, "A cat", 3)]


def test_speed_uses_the_protocols_repetitions_and_needs_the_dense_model() -> None:
    model, tokenizer = tiny_llama(), tiny_tokenizer()
    measured = evaluate_kind("speed", model, EvaluationContext(PROTOCOL, tokenizer, dense=tiny_llama()))
    assert {len(found.items) for found in measured} == {0, 7}
    with pytest.raises(ValueError, match="dense model"):
        evaluate_kind("speed", model, EvaluationContext(PROTOCOL, tokenizer))


def test_lm_eval_is_imported_only_for_zeroshot() -> None:
    script = "import sys, prunebench.evaluate.cell; sys.exit('lm_eval' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
