"""What a cell leaves behind: one JSON record of its pruning and one of each kind of evaluation.

Records are the only thing `collect` reads. Each carries the `key` it was made from (digests of method,
model, tokens, settings, engine version); a record whose key is no longer the wanted one is not current.
And each carries a digest of itself (`sealed.py`): one that was edited is damaged, which is as good as absent.
"""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from prunebench.errors import DamagedFile
from prunebench.sealed import read_sealed, write_sealed

Status = Literal["ok", "diverged", "na", "error", "timeout", "oom", "rejected"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


class CellId(_Record):
    """Which cell.

    Attributes:
        model, protocol: names in the registries.
        method: with its variant.
        target: its token.
        seed: of calibration and of the method.
    """

    model: str
    method: str
    target: str
    seed: int
    protocol: str


class Measurement(_Record):
    """One measured quantity with what it was averaged from.

    Attributes:
        metric: `perplexity`, `acc`, `acc_norm`, `continuation`, ...
        dataset: the text, task or prompt it was measured on.
        value: the number; None where there is none (a continuation has `text` instead).
        items: per-window mean negative log-likelihood in nats for perplexity (each over window-1
            targets), per-item score for zero-shot; empty where the value is not a mean.
        text: generated text; None where there is none.
    """

    metric: str
    dataset: str
    value: float | None = None
    items: list[float] = []
    text: str | None = None


class Cost(_Record):
    """What one step took.

    Attributes:
        seconds: of wall time.
        peak_host_bytes: held on the host; mapped files do not count.
        peak_device_bytes: allocated on the device; 0 on a CPU.
    """

    seconds: float = 0.0
    peak_host_bytes: int = 0
    peak_device_bytes: int = 0


class Size(_Record):
    """Parameters, tied ones counted once.

    Attributes:
        parameters, dense_parameters: all of the pruned and of the dense model.
        embeddings, dense_embeddings: of them the tables of tokens and positions, and an untied head.
        pruned_heads: query heads that are gone, where it is known which units are.
    """

    parameters: int
    embeddings: int
    dense_parameters: int
    dense_embeddings: int
    pruned_heads: int | None = None

    @property
    def effective(self) -> float:
        """The share of all parameters that is gone."""
        return 1 - self.parameters / self.dense_parameters

    @property
    def effective_without_embeddings(self) -> float:
        """The share that is gone of the parameters that are not embeddings."""
        return 1 - (self.parameters - self.embeddings) / (self.dense_parameters - self.dense_embeddings)


class Sparsity(_Record):
    """Zeros over prunable weights, counted by the harness; of structured pruning, weights that are no longer there.

    Attributes:
        target: what was asked for.
        measured: what is zero or gone.
        newly: of that only weights the method zeroed (a dense model may hold zeros of its own).
        blocks: the measured sparsity of each decoder block, in order.
        size: where shapes changed.
    """

    target: float
    measured: float
    newly: float
    blocks: list[float]
    size: Size | None = None


class Loss(_Record):
    """Where recovery fine-tuning stands after a step, in nats per token.

    Attributes:
        step: of the optimiser.
        train: mean over the steps since the last point; None before the first step.
        validation: loss on sequences from a part of the text that none to train on comes from; the last point is that
            of the model with its adapters merged.
    """

    step: int
    train: float | None = None
    validation: float


class _CellRecord(_Record):
    """What all records of a cell have.

    Attributes:
        cell: which.
        status, reason: how it ended, and in one line why, if not `ok`.
        key: digests of what it was made from, by what they are of.
        cost: time and memory.
        provenance: versions, commit and hardware.
    """

    cell: CellId
    status: Status
    reason: str = ""
    key: dict[str, str]
    cost: Cost = Cost()
    provenance: dict[str, Any] = {}


class PruneRecord(_CellRecord):
    """How one cell was pruned.

    Attributes:
        sparsity: as measured; None if the cell failed.
        patch_sha256: of the patch beside the record.
        notes: what a reader of the number must know (damping raised, ...).
        losses: the curve of recovery fine-tuning, empty where there was none.
    """

    sparsity: Sparsity | None = None
    patch_sha256: str = ""
    notes: list[str] = []
    losses: list[Loss] = []


class EvaluationRecord(_CellRecord):
    """One kind of evaluation of one cell.

    Attributes:
        kind: `perplexity`, `zeroshot`, ...
        measurements: what came of it.
    """

    kind: str
    measurements: list[Measurement] = []


Record = TypeVar("Record", bound=_CellRecord)


def save_record(path: Path, record: _CellRecord) -> None:
    """Write a record atomically."""
    write_sealed(path, record.model_dump_json(indent=1) + "\n")


def read_record(path: Path, kind: type[Record]) -> Record | None:
    """Read a record; None if it is absent.

    Raises:
        DamagedFile: it is not what `save_record` wrote, a record of another kind, or cannot be read (then the cause
            is an `OSError`).
    """
    try:
        return kind.model_validate_json(read_sealed(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read ({error.strerror})") from error
    except ValidationError:
        raise DamagedFile(f"{path} is no {kind.__name__} of this version") from None


def load_record(path: Path, kind: type[Record]) -> Record | None:
    """Read a record; None if it is absent or damaged, which both mean: compute it again."""
    try:
        return read_record(path, kind)
    except DamagedFile:
        return None
