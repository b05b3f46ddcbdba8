"""What a run is to measure: the (metric, dataset) pairs of each kind of evaluation.

Rows of failed cells, the names of tables and figures, and Snakemake's list of outputs all come from here,
so nothing can be in one of them and missing in another. Light: the Snakefile imports it.
"""

import re
from collections.abc import Iterable
from typing import Literal

from prunebench.errors import unknown_name

Pair = tuple[str, str]

PERPLEXITY = "perplexity"
ACCURACIES = ("acc", "acc_norm")
CONTINUATION = "continuation"
MEAN = "mean"  # dataset of the mean over the tasks that have the metric

# Of the evaluation of speed; `OF_DENSE` is the dataset of what the dense model had in the same run.
PREFILL_SPEED, DECODE_SPEED = "prefill_tokens_per_second", "decode_tokens_per_second"
FIRST_TOKEN = "first_token_seconds"
PREFILL_SPEEDUP, DECODE_SPEEDUP = "prefill_speedup", "decode_speedup"
FLOPS, COUNTED_FLOPS, INFERENCE_MEMORY = "flops", "flops_counted", "inference_memory_gb"
OF_DENSE = "dense"

# Of the evaluation of a model's internals, block by block; how many numbers a block has is the model's to say.
SINGULAR_VALUE: Literal["singular_value"] = "singular_value"
HEAD_DISTANCE: Literal["head_distance"] = "head_distance"

# Metrics that are medians over repetitions: they carry intervals but no ranks.
TIMED = (PREFILL_SPEED, DECODE_SPEED, FIRST_TOKEN, PREFILL_SPEEDUP, DECODE_SPEEDUP)
OF_MACHINE = (PREFILL_SPEED, DECODE_SPEED, FIRST_TOKEN)  # those that are no ratio to the dense model's

# Metrics that are means over items: they carry intervals and ranks. Lower is better only for perplexity.
SCORED = (PERPLEXITY, *ACCURACIES)


def expected_pairs(
    kinds: Iterable[str],
    texts: Iterable[str] = (),
    tasks: Iterable[str] = (),
    prompt: str = "",
    internals: Iterable[Pair] = (),
) -> dict[str, tuple[Pair, ...]]:
    """The (metric, dataset) pairs every cell should have, by kind of evaluation, in display order.

    Whether a task defines a metric (BoolQ has no `acc_norm`) is lm-eval's to say and shows in the results alone; so
    does what is found in the blocks of `internals` (`block_pairs`), whose pairs only failed cells have themselves.

    Raises:
        PrunebenchError: an unknown kind.
    """
    tasks = tuple(tasks)
    pairs = {
        "perplexity": tuple((PERPLEXITY, text) for text in texts),
        "zeroshot": tuple((metric, task) for metric in ACCURACIES for task in (MEAN, *tasks)) if tasks else (),
        "generation": ((CONTINUATION, prompt),),
        "speed": (
            *((metric, "") for metric in (*TIMED, FLOPS, COUNTED_FLOPS, INFERENCE_MEMORY)),
            *((metric, OF_DENSE) for metric in OF_MACHINE),
        ),
        "internals": tuple(internals),
    }
    kinds = tuple(kinds)
    for kind in kinds:
        if kind not in pairs:
            raise unknown_name("kind of evaluation", kind, pairs)
    return {kind: pairs[kind] for kind in kinds}


def block_name(number: int) -> str:
    """What a block is called in datasets, by the number it is asked for with: `block0`, `block-1` for the last."""
    return f"block{number}"


def block_pairs(spectra: Iterable[int], heads: Iterable[int]) -> tuple[Pair, ...]:
    """The blocks whose singular values and whose attention heads are measured, as pairs."""
    return (
        *((SINGULAR_VALUE, block_name(number)) for number in spectra),
        *((HEAD_DISTANCE, block_name(number)) for number in heads),
    )


def within(dataset: str, block: str) -> bool:
    """Whether a dataset is of a block: `block0.up@0.5`, `block0:1-3` and `block0` itself are of `block0`."""
    return re.split("[.:]", dataset, maxsplit=1)[0] == block
