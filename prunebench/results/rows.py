"""The rows of `metrics.csv`."""

from dataclasses import dataclass, fields
from math import isfinite

from prunebench.results.records import Status

RANK = "rank"


@dataclass(slots=True)
class Row:
    """One line of `metrics.csv`; the attributes are its columns, in order.

    Attributes:
        model: name in the registry.
        method: file name and variant, `wanda@nsamples=32`.
        family, origin: as the method's header says.
        pattern: `dense`, `unstructured`, `n:m` or `structured`.
        target: its token.
        sparsity: what the target asks for, in [0, 1); what came of it is the metric `sparsity`.
        seed: of calibration and of the method.
        protocol: name in the registry.
        metric: what was measured.
        dataset: what it was measured on; a rank's is `<metric>/<dataset>`.
        value: a number, or the text of a continuation, or None.
        ci_low, ci_high: bounds of a mean over `n` items, or of a median over `n` repetitions, with 95 % confidence; for
            a rank the best and the worst place the method's own paired comparisons allow.
        n: how many items or repetitions; for a rank the number of methods compared.
        status: `ok`, or what became of the cell.
        reason: why it is not `ok`, in one line.
    """

    model: str
    method: str
    family: str
    origin: str
    pattern: str
    target: str
    sparsity: float
    seed: int
    protocol: str
    metric: str = ""
    dataset: str = ""
    value: float | str | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int | None = None
    status: Status = "ok"
    reason: str = ""

    def measured(self, metric: str, dataset: str, value: float | str | None, outcome: tuple[Status, str]) -> "Row":
        """A row of the same cell; the value goes unless it is `ok`, or `diverged` and still a finite number."""
        status, reason = outcome
        keep = status == "ok" or (status == "diverged" and isinstance(value, float) and isfinite(value))
        return Row(
            self.model, self.method, self.family, self.origin, self.pattern, self.target, self.sparsity, self.seed,
            self.protocol, metric, dataset, value if keep else None, None, None, None, status, reason,
        )  # fmt: skip


COLUMNS = tuple(field.name for field in fields(Row))
