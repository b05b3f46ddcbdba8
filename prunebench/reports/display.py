"""How metrics, numbers and statuses are written for people."""

from dataclasses import dataclass
from math import floor, log10


@dataclass(frozen=True)
class Metric:
    """How a metric is shown: `scale` turns the stored value into the shown one, `unit` follows the title."""

    title: str
    lower_is_better: bool
    scale: float = 1.0
    unit: str = ""

    @property
    def decimals(self) -> int:
        """As many as are ever shown of it."""
        return 1 if self.scale != 1.0 else 2


METRICS = {
    "perplexity": Metric("Perplexity", lower_is_better=True),
    "acc": Metric("Accuracy", lower_is_better=False, scale=100.0, unit="%"),
    "acc_norm": Metric("Length-normalised accuracy", lower_is_better=False, scale=100.0, unit="%"),
}

CEILING = 100  # times the dense perplexity: where a model is of no use any more axes end

# Who wrote a method, as its header says.
ORIGIN_WORDS = {"human": "human", "llm-idea": "LLM idea", "llm": "LLM-written"}

# Statuses as they stand in a table's cell, and what they mean.
STATUS_WORDS = {
    "ok": "ok",
    "na": "n/a",
    "diverged": "diverged",
    "error": "error",
    "timeout": "timeout",
    "oom": "OOM",
    "rejected": "rejected",
}
STATUS_MEANINGS = {
    "ok": "finished and kept its contract",
    "na": "the method does not apply to this model",
    "diverged": "the loss is not finite, or on average above 20 nats per token",
    "error": "the method or its evaluation raised an error",
    "timeout": "it took longer than a cell may",
    "oom": "it needed more memory than a cell may",
    "rejected": "it broke its contract, or its numbers do not compare with the dense model's",
}


def split_number(value: float, metric: Metric, decimals: int | None = None) -> tuple[str, int]:
    """A value as mantissa text and power of ten, which is 0 for all but huge ones.

    Perplexities have two decimals below 1000 and three digits above; percentages one decimal. A table may ask for
    fewer `decimals`.
    """
    shown = value * metric.scale
    decimals = metric.decimals if decimals is None else decimals
    if metric.scale != 1.0 or abs(shown) < 999.995:
        return f"{shown:.{decimals}f}", 0
    power = floor(log10(abs(shown)))
    mantissa = f"{shown / 10**power:.2f}"
    return ("1.00", power + 1) if mantissa == "10.00" else (mantissa, power)
