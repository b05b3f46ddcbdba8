"""Accuracies against slow log-likelihoods; what a suite must not change, leak or hide."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from prunebench.errors import PrunebenchError
from prunebench.evaluate.perplexity import divergence
from prunebench.evaluate.zeroshot import ZeroShotSuite
from prunebench.results.records import Measurement
from tests.evaluate.tiny import ARC, BOOLQ, HELLASWAG, PIQA, Item, subject_items, tiny_llama, tiny_tokenizer, write_task


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    items: dict[str, list[Item]] = {"piqa": PIQA, "arc_easy": ARC, "hellaswag": HELLASWAG, "boolq": BOOLQ}
    return {name: write_task(tmp_path / name, {name: rows}) for name, rows in items.items()}


def named(measurements: list[Measurement]) -> dict[tuple[str, str], Measurement]:
    return {(measurement.dataset, measurement.metric): measurement for measurement in measurements}


def slow_loglikelihood(model: nn.Module, tokenizer: PreTrainedTokenizerBase, context: str, choice: str) -> float:
    """Sum over the choice's tokens of their log-probability, each from a forward of its own in float64."""
    start = len(tokenizer(context).input_ids)
    ids = tokenizer(context + choice).input_ids
    total = 0.0
    for place in range(start, len(ids)):
        with torch.no_grad():
            logits = model(torch.tensor([ids[:place]])).logits[0, -1].double()
        total += torch.log_softmax(logits, -1)[ids[place]].item()
    return total


def slow_items(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, questions: list[tuple[str, list[str], int]]
) -> tuple[list[float], list[float]]:
    """acc and acc_norm per (prompt, choices, right one): the likeliest choice, and the likeliest per character."""
    acc, acc_norm = [], []
    for prompt, choices, right in questions:
        sums = [slow_loglikelihood(model, tokenizer, prompt, f" {choice}") for choice in choices]
        per_character = [total / len(choice) for total, choice in zip(sums, choices, strict=True)]
        acc.append(float(sums.index(max(sums)) == right))
        acc_norm.append(float(per_character.index(max(per_character)) == right))
    return acc, acc_norm


@pytest.mark.parametrize("with_bos", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_equals_slow_loglikelihoods(folders: dict[str, Path], seed: int, with_bos: bool) -> None:
    model, tokenizer = tiny_llama(seed=seed), tiny_tokenizer(with_bos)
    piqa = [(f"Question: {item['goal']}\nAnswer:", [item["sol1"], item["sol2"]], item["label"]) for item in PIQA]
    arc = [
        (
            f"Question: {item['question']}\nAnswer:",
            item["choices"]["text"],
            item["choices"]["label"].index(item["answerKey"]),
        )
        for item in ARC
    ]
    measured = named(ZeroShotSuite({name: folders[name] for name in ("piqa", "arc_easy")}, tokenizer).run(model))
    for name, questions in (("piqa", piqa), ("arc_easy", arc)):
        acc, acc_norm = slow_items(model, tokenizer, questions)
        assert measured[name, "acc"].items == acc
        assert measured[name, "acc_norm"].items == acc_norm
        assert measured[name, "acc"].value == pytest.approx(sum(acc) / len(acc))
        assert measured[name, "acc_norm"].value == pytest.approx(sum(acc_norm) / len(acc_norm))


def test_the_oracle_sees_the_difference_between_acc_and_acc_norm(folders: dict[str, Path]) -> None:
    suite = ZeroShotSuite({"piqa": folders["piqa"]}, tiny_tokenizer())
    runs = [named(suite.run(tiny_llama(seed=seed))) for seed in range(4)]
    assert any(run["piqa", "acc"].items != run["piqa", "acc_norm"].items for run in runs)
    assert len({tuple(run["piqa", "acc"].items) for run in runs}) > 1


def test_each_task_reports_the_metrics_it_defines(folders: dict[str, Path]) -> None:
    measured = ZeroShotSuite(folders, tiny_tokenizer()).run(tiny_llama())
    assert [(m.dataset, m.metric, len(m.items)) for m in measured] == [
        ("piqa", "acc", 6), ("piqa", "acc_norm", 6), ("arc_easy", "acc", 3), ("arc_easy", "acc_norm", 3),
        ("hellaswag", "acc", 1), ("hellaswag", "acc_norm", 1), ("boolq", "acc", 2),
    ]  # fmt: skip


def test_limit_takes_items_spread_evenly_over_each_task(folders: dict[str, Path]) -> None:
    model, tokenizer = tiny_llama(seed=2), tiny_tokenizer()
    everything = named(ZeroShotSuite(folders, tokenizer).run(model))
    some = named(ZeroShotSuite(folders, tokenizer, limit=2).run(model))
    assert some.keys() == everything.keys()
    for key, measurement in some.items():
        every = everything[key].items
        assert measurement.items == (every if len(every) < 2 else [every[0], every[len(every) // 2]])


def test_parts_are_one_measurement_and_share_the_limit(tmp_path: Path) -> None:
    parts = {f"mmlu_{subject}": subject_items(subject, count) for subject, count in
             (("anatomy", 9), ("virology", 2), ("astronomy", 9))}  # fmt: skip
    folder = write_task(tmp_path / "mmlu", parts)
    model, tokenizer = tiny_llama(), tiny_tokenizer()
    (everything,) = ZeroShotSuite({"mmlu": folder}, tokenizer).run(model)
    (some,) = ZeroShotSuite({"mmlu": folder}, tokenizer, limit=11).run(model)
    (few,) = ZeroShotSuite({"mmlu": folder}, tokenizer, limit=2).run(model)
    assert (everything.metric, everything.dataset, len(everything.items)) == ("acc", "mmlu", 20)
    anatomy, virology, astronomy = everything.items[:9], everything.items[9:11], everything.items[11:]
    assert some.items == [anatomy[i] for i in (0, 1, 3, 5, 7)] + virology + [astronomy[i] for i in (0, 2, 4, 6)]
    assert few.items == anatomy[:1] + virology[:1]


def test_the_same_harness_task_from_two_sources_stays_two_tasks(tmp_path: Path) -> None:
    one = write_task(tmp_path / "one", {"piqa": PIQA[:2]})
    two = write_task(tmp_path / "two", {"piqa": PIQA[2:]})
    model, tokenizer = tiny_llama(), tiny_tokenizer()
    both = named(ZeroShotSuite({"one": one, "two": two}, tokenizer).run(model))
    alone = named(ZeroShotSuite({"two": two}, tokenizer).run(model))
    assert len(both["one", "acc"].items) == 2
    assert both["two", "acc"].items == alone["two", "acc"].items


def test_a_suite_carries_nothing_from_model_to_model(tmp_path: Path) -> None:
    # PIQA's examples are drawn at random: every model must see the same ones.
    examples = [{**item, "goal": f"{item['goal']}, {place}"} for place in ("here", "there") for item in PIQA]
    folders = {"piqa": write_task(tmp_path / "piqa", {"piqa": PIQA}, {"piqa": examples})}
    tokenizer = tiny_tokenizer()
    suite = ZeroShotSuite(folders, tokenizer, num_fewshot=2)
    for seed in (0, 1, 0, 2):
        fresh = ZeroShotSuite(folders, tokenizer, num_fewshot=2)
        assert suite.run(tiny_llama(seed=seed)) == fresh.run(tiny_llama(seed=seed))


def test_random_number_generators_are_left_alone(folders: dict[str, Path]) -> None:
    state = torch.random.get_rng_state()
    ZeroShotSuite(folders, tiny_tokenizer()).run(tiny_llama())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_model_of_nans_has_no_accuracy(folders: dict[str, Path]) -> None:
    model = tiny_llama()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    for measurement in ZeroShotSuite(folders, tiny_tokenizer()).run(model):
        assert measurement.value is not None
        assert math.isnan(measurement.value)
        assert all(math.isnan(item) for item in measurement.items)
        assert divergence(measurement)


def test_the_model_is_left_as_it_was(folders: dict[str, Path]) -> None:
    model = tiny_llama(torch.bfloat16, tie_word_embeddings=True)
    model.lm_head.weight = nn.Parameter(-model.lm_head.weight.detach(), requires_grad=False)  # as SliceGPT's is
    model.model.layers[0].train()
    calls = []
    model.model.layers[1].register_forward_hook(lambda *_: calls.append(1))
    before = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in model.state_dict().items()}
    attributes = {name: set(vars(module)) for name, module in model.named_modules()}
    modes = [module.training for module in model.modules()]
    gradients = [parameter.requires_grad for parameter in model.parameters()]
    ZeroShotSuite(folders, tiny_tokenizer()).run(model)
    assert calls
    assert len(model.model.layers[1]._forward_hooks) == 1
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == gradients
    assert {name: set(vars(module)) for name, module in model.named_modules()} == attributes
    assert model.state_dict().keys() == before.keys()
    for name, tensor in model.state_dict().items():
        pointer, old = before[name]
        assert tensor.data_ptr() == pointer
        assert tensor.dtype == old.dtype
        assert torch.equal(tensor, old)


def test_the_tokenizer_gets_no_padding_token(folders: dict[str, Path]) -> None:
    tokenizer = tiny_tokenizer(pad_token=None)
    padded = tiny_tokenizer()
    model = tiny_llama()
    assert ZeroShotSuite(folders, tokenizer).run(model) == ZeroShotSuite(folders, padded).run(model)
    assert tokenizer.pad_token is None


def test_an_unfinished_asset_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match="holds no finished asset"):
        ZeroShotSuite({"piqa": tmp_path}, tiny_tokenizer())


def test_a_task_without_accuracies_is_an_error(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "generate", {"gsm8k": [{"question": "1 + 1?", "answer": "2 #### 2"}]})
    with pytest.raises(PrunebenchError, match="'generate': lm-eval scores it by neither of acc, acc_norm"):
        ZeroShotSuite({"generate": folder}, tiny_tokenizer())


def test_items_the_harness_cannot_read_are_an_error_that_names_them(tmp_path: Path) -> None:
    folder = write_task(tmp_path / "piqa", {"piqa": [{"goal": "a", "sol1": "b", "label": 0}]})
    with pytest.raises(PrunebenchError, match=r"cannot read the items of task 'piqa' in .*items-piqa.jsonl"):
        ZeroShotSuite({"piqa": folder}, tiny_tokenizer())


def test_a_label_that_fits_no_choice_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_task(tmp_path / "piqa", {"piqa": [*PIQA, {**PIQA[0], "label": 7}]})
    ZeroShotSuite({"piqa": folder}, tiny_tokenizer()).run(tiny_llama())
    assert "Label index was not in within range" in caplog.text


def test_nothing_is_printed(tmp_path: Path, folders: dict[str, Path]) -> None:
    # In a process of its own: pytest's capture would itself change what is a terminal and what is logged.
    arguments = "\n".join(f"{name}={folder}" for name, folder in folders.items())
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.evaluate.tiny import tiny_llama, tiny_tokenizer\n"
        "from prunebench.evaluate.zeroshot import ZeroShotSuite\n"
        "folders = {name: Path(path) for name, path in (line.split('=') for line in sys.argv[1].splitlines())}\n"
        "suite = ZeroShotSuite(folders, tiny_tokenizer())\n"
        "assert suite.run(tiny_llama()) == suite.run(tiny_llama())\n"
    )
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", script, arguments], cwd=Path(__file__).parents[2], env={**os.environ, **offline},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
