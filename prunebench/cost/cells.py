"""The work of one kind of job on one cell, whatever the cell: what estimates and earlier records are measured by."""

from collections.abc import Mapping
from dataclasses import dataclass

from prunebench.config.protocols import Protocol
from prunebench.config.schema import Kind
from prunebench.config.shape import Shape
from prunebench.cost.evaluating import Counts, evaluate_work
from prunebench.cost.pruning import patch_bytes, prune_work
from prunebench.cost.usage import Usage
from prunebench.cost.work import NOTHING, Work
from prunebench.targets import Target

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class CellWork:
    """Of one cell.

    Attributes:
        shared: done once per job, and part of every cell's recorded seconds.
        own: the rest of what is recorded.
        around: what each cell takes and no record counts: copies, the patch.
        once: what a job takes once and no record counts.
    """

    shared: Work = NOTHING
    own: Work = NOTHING
    around: Work = NOTHING
    once: Work = NOTHING


def prune_cell_work(usage: Usage, shape: Shape, token: str, protocol: Protocol, dtype: str) -> CellWork:
    """Of pruning it."""
    samples, tokens = usage.framework.nsamples or protocol.calibration.nsamples, _tokens(shape, protocol)
    work = prune_work(usage, shape, Target.parse(token), samples, tokens, BYTES[dtype])
    return CellWork(work.shared, work.own, work.around)


def evaluate_cell_work(
    kind: Kind, usage: Usage, shape: Shape, token: str, protocol: Protocol, dtype: str, counts: Counts,
    tokens: Mapping[str, int],
) -> CellWork:  # fmt: skip
    """Of one kind of evaluation of it; for the arguments see `evaluate_work`."""
    stored = patch_bytes(usage, shape, Target.parse(token), BYTES[dtype])
    work = evaluate_work(kind, shape, protocol, counts, tokens, stored)
    return CellWork(own=work.own, around=work.around, once=work.once)


def _tokens(shape: Shape, protocol: Protocol) -> int:
    return min(protocol.calibration.seqlen, shape.positions)
