"""How metrics, numbers and statuses are written for people."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext


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

OFF_TARGET = (
    0.01  # of the weights: what removes so much more or less than its target asks for is no equal of the others
)

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


def off_target(removed: float, asked: float) -> bool:
    """Whether the measured sparsity is another than the target's; not where it was not measured (NaN)."""
    return abs(removed - asked) > OFF_TARGET


def split_number(value: float, metric: Metric, decimals: int | None = None) -> tuple[str, int]:
    """A value as mantissa text and power of ten, which is 0 for all but huge ones.

    Perplexities have two decimals below 1000 and three digits above; percentages one decimal. A table may ask for
    fewer `decimals`. Rounded as the leaderboard's script does it, from the same six digits and with halves away from
    zero: of 32 questions many shares end in a half.
    """
    shown = float(f"{value:.6g}") * metric.scale
    decimals = metric.decimals if decimals is None else decimals
    plain = metric.scale != 1.0 or abs(shown) < 999.995
    with localcontext() as context:
        context.rounding = ROUND_HALF_UP
        written = f"{Decimal(shown):.{decimals}f}" if plain else f"{Decimal(shown):.2e}"
    mantissa, _, power = written.partition("e")
    return mantissa, int(power or 0)
