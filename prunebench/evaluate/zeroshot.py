"""Multiple-choice accuracy through lm-eval, on local items, for many models in one process."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import fsum, isnan, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import lm_eval.api.task
from lm_eval.api.task import Task
from lm_eval.evaluator import evaluate
from torch import nn
from transformers import PreTrainedTokenizerBase

from prunebench.assets.manifest import check_asset
from prunebench.errors import PrunebenchError
from prunebench.evaluate.lm_tasks import load_task
from prunebench.evaluate.mode import evaluating
from prunebench.evaluate.packed_lm import PackedLM
from prunebench.results.records import Measurement

METRICS = ("acc", "acc_norm")
_FEWSHOT_SEED = 1234  # lm-eval's default


@dataclass(frozen=True)
class _Part:
    """One lm-eval task; `dataset` is the registry's task it belongs to (all of MMLU's subjects to `mmlu`).

    `key` is unique, as the harness's name is not: BoolQ can be there from two sources.
    """

    dataset: str
    key: str
    task: Task


class ZeroShotSuite:
    """Tasks made ready once, to be run on many models.

    Args:
        folders: task name -> the folder its asset was materialised in.
        tokenizer: of the models; it is not changed.
        limit: items per task; None = all. Those of a task in several parts are dealt out one by one over the
            parts in the manifest's order: none gives two before every other that has items left gave one.
        num_fewshot: examples before each item.

    Raises:
        PrunebenchError: an asset is unfinished, lm-eval does not know a task, or it has neither `acc` nor
            `acc_norm`.
    """

    def __init__(
        self,
        folders: Mapping[str, Path],
        tokenizer: PreTrainedTokenizerBase,
        limit: int | None = None,
        num_fewshot: int = 0,
    ) -> None:
        # HFLM gives a tokenizer without padding token one.
        self._tokenizer = deepcopy(tokenizer) if tokenizer.pad_token is None else tokenizer
        self._parts: list[_Part] = []
        with _no_remarks(), _no_bars():
            for dataset, folder in folders.items():
                self._parts += _load(dataset, folder, limit, num_fewshot)

    def run(self, model: nn.Module) -> list[Measurement]:
        """Score a model; it is left as it was.

        Returns:
            Per task `acc` and, where lm-eval defines it, `acc_norm` (the log-likelihood divided by the choice's
            length in characters). `items` are the scores in the order of the documents. An item with a choice
            whose log-likelihood is not a number scores NaN, and so does the mean: the harness would take the
            first choice for the best and report how often that is right.
        """
        for part in self._parts:
            part.task.set_fewshot_seed(_FEWSHOT_SEED)  # every model sees the same examples
        with evaluating(model), _no_bars():
            with _no_remarks():
                lm = PackedLM(model, self._tokenizer)
            results = evaluate(lm, {"tasks": {part.key: part.task for part in self._parts}}, bootstrap_iters=0)
        scores: dict[tuple[str, str], list[float]] = {}
        for part in self._parts:
            for sample in sorted(results["samples"][part.key], key=lambda sample: sample["doc_id"]):
                for metric in METRICS:
                    if metric in sample["metrics"]:
                        scores.setdefault((metric, part.dataset), []).append(_score(sample, metric))
        return [
            Measurement(metric=metric, dataset=dataset, value=fsum(items) / len(items), items=items)
            for (metric, dataset), items in scores.items()
        ]


def _load(dataset: str, folder: Path, limit: int | None, num_fewshot: int) -> list[_Part]:
    parts = check_asset(folder)["parts"]
    shares = _shares(limit, [part["count"] for part in parts.values()])
    loaded = []
    with TemporaryDirectory() as scratch:
        for (name, part), share in zip(parts.items(), shares, strict=True):
            if share:
                fewshot = folder / part["fewshot"] if part["fewshot"] else None
                task = load_task(name, folder / part["items"], fewshot, share, num_fewshot, Path(scratch))
                loaded.append(_Part(dataset, f"{dataset}/{name}", task))
    if not any(metric in METRICS for part in loaded for metric in part.task.aggregation()):
        raise PrunebenchError(f"task {dataset!r}: lm-eval scores it by neither of {', '.join(METRICS)}")
    return loaded


def _shares(limit: int | None, counts: list[int]) -> list[int]:
    """How many items to take of each part: all, or `limit` in all, dealt out one by one in the parts' order."""
    if limit is None:
        return counts
    shares = [0] * len(counts)
    left = min(limit, sum(counts))
    while left:
        for index, count in enumerate(counts):
            if left and shares[index] < count:
                shares[index] += 1
                left -= 1
    return shares


def _score(sample: dict[str, Any], metric: str) -> float:
    undefined = any(isnan(loglikelihood) for loglikelihood, _ in sample["filtered_resps"])
    return nan if undefined else float(sample[metric])


@contextmanager
def _no_remarks() -> Iterator[None]:
    """Without lm-eval's warnings about being used as a library; its errors stay."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without the progress bars of filling in prompts, which take no time."""
    bar = lm_eval.api.task.tqdm  # lm-eval has no switch for it
    shown = not datasets.are_progress_bars_disabled()
    lm_eval.api.task.tqdm = partial(bar, disable=True)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        lm_eval.api.task.tqdm = bar
        if shown:
            datasets.enable_progress_bars()
