"""A trial's outcome as text: the cells of a table, on a terminal and in GitHub's markdown."""

from prunebench.reports.display import METRICS, STATUS_WORDS, split_number
from prunebench.reports.markdown import escape, one_line, table
from prunebench.results.expected import PERPLEXITY
from prunebench.trial.outcome import Line, Outcome

HEADINGS = ("rank", "method", "perplexity", "95 % interval", "vs dense", "pruning", "peak memory", "status")
TO_THE_RIGHT = (True, False, True, False, True, True, True, False)
REMARK = (
    "An unbroken chain of methods that the paired test does not separate shares a rank; the range says what it does "
    "separate. One model, one target and one seed are a first look: what another calibration sample or another "
    "rounding would change is in no rank and no interval."
)


def cells(line: Line) -> tuple[str, ...]:
    """One line of the table, as plain text; a rank that the method's own comparisons pin down less has its range."""
    rank = "" if line.rank is None else str(line.rank)
    if line.rank and line.best is not None and (line.best, line.worst) != (line.rank, line.rank):
        rank += f" ({line.best}-{line.worst})"
    return (
        rank,
        one_line(line.title),
        _perplexity(line.perplexity),
        "" if line.low is None else f"{_perplexity(line.low)} to {_perplexity(line.high)}",
        "" if line.over_dense is None else f"{line.over_dense:+.1%}" if line.over_dense < 10 else f"x{_times(line)}",
        "" if line.seconds is None or line.method == "dense" else f"{line.seconds:.1f} s",
        "" if line.gigabytes is None or line.method == "dense" else f"{line.gigabytes:.2f} GB",
        f"{STATUS_WORDS[line.status]}{f': {one_line(line.reason)}' if line.reason else ''}",
    )


def as_markdown(outcome: Outcome) -> str:
    """Caption, table, verdict and remark."""
    rows = [[escape(cell) for cell in cells(line)] for line in outcome.lines]
    lines = [escape(outcome.caption), "", *table(HEADINGS, rows, TO_THE_RIGHT), "", f"**{escape(outcome.verdict)}**"]
    return "\n".join([*lines, "", REMARK, ""])


def _perplexity(value: float | None) -> str:
    if value is None:
        return ""
    mantissa, power = split_number(value, METRICS[PERPLEXITY])
    return f"{mantissa}e{power}" if power else mantissa


def _times(line: Line) -> str:
    return f"{(line.over_dense or 0) + 1:.3g}"
