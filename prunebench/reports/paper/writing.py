"""Values of a paper's tables as people write them, for LaTeX and for the page alike."""

from dataclasses import dataclass
from math import inf

from prunebench.config.paper_metrics import PaperMetric
from prunebench.reports.display import METRICS, STATUS_WORDS, Metric, split_number
from prunebench.reports.paper.filling import Cell
from prunebench.reports.paper.measured import NOT_RUN

_METRICS: dict[PaperMetric, Metric] = {
    "perplexity": METRICS["perplexity"],
    "acc": METRICS["acc"],
    "acc_norm": METRICS["acc_norm"],
    "average": Metric("Average accuracy", lower_is_better=False, scale=100.0, unit="%"),
    "prune_seconds": Metric("Seconds of pruning", lower_is_better=True),
    "score": Metric("Score", lower_is_better=False),
    "parameters": Metric("Parameters", lower_is_better=True),
    "parameters_nonembedding": Metric("Parameters without embeddings", lower_is_better=True),
    "effective_sparsity": Metric("Effective sparsity", lower_is_better=False, scale=100.0, unit="%"),
    "pruned_heads": Metric("Pruned attention heads", lower_is_better=False),
    "flops": Metric("FLOPs", lower_is_better=True),
    "prefill_tokens_per_second": Metric("Prefill tokens per second", lower_is_better=False),
    "decode_tokens_per_second": Metric("Generated tokens per second", lower_is_better=False),
    "decode_speedup": Metric("Generating, times as fast as the dense model in the same run", lower_is_better=False),
    "train_loss": Metric("Training loss", lower_is_better=True),
    "validation_loss": Metric("Validation loss", lower_is_better=True),
    "singular_value": Metric("Singular value", lower_is_better=False),
    "head_distance": Metric("Jensen-Shannon distance", lower_is_better=False),
}
_COUNTS: tuple[PaperMetric, ...] = ("parameters", "parameters_nonembedding", "pruned_heads")
_PLAIN_BELOW = 1e7  # papers print perplexities of six digits in full, so ours beside them are too


@dataclass(frozen=True)
class Written:
    """A cell in words: `number` times ten to `power`, or `text`; then what is small below it."""

    number: str = ""
    power: int = 0
    text: str = ""
    status: str = ""  # a word, where the cell is not ok
    published: str | None = None
    difference: str = ""


def write_cell(cell: Cell) -> Written:
    """The cell as it is shown."""
    ours, metric = cell.ours, cell.place.quantity.metric
    status = "" if ours.status == "ok" else STATUS_WORDS.get(ours.status, ours.status)
    printed, difference = cell.published, written_difference(cell.difference)
    if metric == "status":
        return Written("", 0, STATUS_WORDS.get(ours.text, NOT_RUN), "", printed, difference)
    if metric == "continuation":
        return Written("", 0, ours.text, status, printed, difference)
    number, power = written_number(ours.number, metric) if ours.number is not None else ("", 0)
    return Written(number, power, "", status, printed, difference)


def written_number(value: float, metric: PaperMetric) -> tuple[str, int]:
    """A value as mantissa text and power of ten: two decimals, whole numbers from 1000 on, powers from 1e7 on."""
    how = _METRICS[metric]
    shown = value * how.scale
    if value == inf:
        return "inf", 0
    if metric in _COUNTS and abs(shown) < _PLAIN_BELOW:
        return f"{shown:.0f}", 0
    if how.scale != 1.0 or abs(shown) < 999.995:
        return f"{shown:.2f}", 0
    return (f"{shown:.0f}", 0) if abs(shown) < _PLAIN_BELOW else split_number(value, how)


def written_difference(difference: float | None) -> str:
    """A relative difference in percent, with its sign."""
    if difference is None:
        return ""
    percent = 100 * difference
    return f"{percent:+.1f}%" if abs(percent) < 100 else f"{percent:+.0f}%"


def how_shown(metric: PaperMetric) -> Metric:
    """Title, scale and unit of a number; without them for statuses and texts."""
    return _METRICS.get(metric, Metric("", lower_is_better=False))
