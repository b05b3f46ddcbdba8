"""What a run is to measure: the (metric, dataset) pairs of each kind of evaluation.

Rows of failed cells, the names of tables and figures, and Snakemake's list of outputs all come from here,
so nothing can be in one of them and missing in another. Light: the Snakefile imports it.
"""

from collections.abc import Iterable

from prunebench.errors import unknown_name

Pair = tuple[str, str]

PERPLEXITY = "perplexity"
ACCURACIES = ("acc", "acc_norm")
CONTINUATION = "continuation"
MEAN = "mean"  # dataset of the mean over the tasks that have the metric

# Metrics that are means over items: they carry intervals and ranks. Lower is better only for perplexity.
SCORED = (PERPLEXITY, *ACCURACIES)


def expected_pairs(
    kinds: Iterable[str], texts: Iterable[str] = (), tasks: Iterable[str] = (), prompt: str = ""
) -> dict[str, tuple[Pair, ...]]:
    """The (metric, dataset) pairs every cell should have, by kind of evaluation, in display order.

    Whether a task defines a metric (BoolQ has no `acc_norm`) is lm-eval's to say and shows in the results alone.

    Raises:
        PrunebenchError: an unknown kind.
    """
    tasks = tuple(tasks)
    pairs = {
        "perplexity": tuple((PERPLEXITY, text) for text in texts),
        "zeroshot": tuple((metric, task) for metric in ACCURACIES for task in (MEAN, *tasks)) if tasks else (),
        "generation": ((CONTINUATION, prompt),),
    }
    kinds = tuple(kinds)
    for kind in kinds:
        if kind not in pairs:
            raise unknown_name("kind of evaluation", kind, pairs)
    return {kind: pairs[kind] for kind in kinds}
