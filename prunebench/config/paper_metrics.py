"""What a number of a paper's table or figure is: a metric, on a dataset, or over several of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Accuracy = Literal["acc", "acc_norm"]

# `status` is how the cell ended. `score`, `average` and `effective_sparsity` are worked out from other rows, see
# prunebench/reports/paper/measured.py; all others are metrics of metrics.csv.
PaperMetric = Literal[
    "perplexity",
    "acc",
    "acc_norm",
    "average",
    "continuation",
    "prune_seconds",
    "status",
    "score",
    "parameters",
    "parameters_nonembedding",
    "effective_sparsity",
    "pruned_heads",
    "flops",
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "decode_speedup",
    "train_loss",
    "validation_loss",
    "singular_value",
    "head_distance",
]
# The kinds of evaluation a number comes from; what pruning itself records needs none.
KINDS: dict[PaperMetric, tuple[str, ...]] = {
    "perplexity": ("perplexity",),
    "acc": ("zeroshot",),
    "acc_norm": ("zeroshot",),
    "average": ("zeroshot",),
    "continuation": ("generation",),
    "status": ("perplexity",),
    "score": ("perplexity",),
    "flops": ("speed",),
    "prefill_tokens_per_second": ("speed",),
    "decode_tokens_per_second": ("speed",),
    "decode_speedup": ("speed",),
    "singular_value": ("internals",),
    "head_distance": ("internals",),
}
# Fractions here, which papers print in percent.
SHARES: tuple[PaperMetric, ...] = ("acc", "acc_norm", "average", "effective_sparsity")


@dataclass(frozen=True)
class Quantity:
    """What is measured of a pruned model.

    Attributes:
        metric: its name.
        dataset: a text or a task; empty for what a table without datasets means: the protocol's first text, the mean
            over all tasks, or nothing where the metric has no dataset.
        levels: the targets a `score` is taken over.
        tasks: the tasks an `average` is taken over, each with its accuracy.
    """

    metric: PaperMetric
    dataset: str = ""
    levels: tuple[str, ...] = ()
    tasks: tuple[tuple[str, Accuracy], ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of evaluation it comes from."""
        return KINDS.get(self.metric, ())

    @property
    def datasets(self) -> tuple[str, ...]:
        """The texts and tasks it names."""
        named = self.dataset and self.metric in ("perplexity", "acc", "acc_norm")
        return (*([self.dataset] if named else []), *(task for task, _ in self.tasks))

    def on(self, shown: Mapping[str, str]) -> "Quantity":
        """The same on the texts and tasks that are shown for its own."""
        tasks = tuple((shown.get(task, task), metric) for task, metric in self.tasks)
        return replace(self, dataset=shown.get(self.dataset, self.dataset), tasks=tasks)

    def check(self) -> None:
        """Raise a ValueError where it cannot be measured."""
        if self.metric == "score" and not self.levels:
            raise ValueError("a score needs `levels`, the targets it is taken over")
        if self.metric == "average" and not self.tasks:
            raise ValueError("an average needs `tasks`, the tasks it is taken over, each with acc or acc_norm")
        if self.metric in ("singular_value", "head_distance") and not self.dataset:
            raise ValueError(f"metric {self.metric} needs a dataset, which names a block")
        if self.metric in ("average", "score", "status") and self.dataset:
            raise ValueError(f"metric {self.metric} has no dataset, but {self.dataset!r} is given")
