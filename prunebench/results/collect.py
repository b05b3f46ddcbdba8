"""From records to `metrics.csv`: one tidy row per cell and metric, failed cells included."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from prunebench.files import replacing
from prunebench.plugins.description import Description
from prunebench.results.cells import CellResult
from prunebench.results.expected import CONTINUATION, MEAN, OF_MACHINE, PERPLEXITY, SCORED, TIMED, Pair, within
from prunebench.results.intervals import Floats, mean_intervals, median_interval
from prunebench.results.ranking import rank_methods
from prunebench.results.records import Cost, Size
from prunebench.results.rows import COLUMNS, RANK, Row
from prunebench.targets import DENSE, Target

_GB = 1e9


class _Score(NamedTuple):
    """A row whose value is a mean, and the items of each dataset behind it; no items if the cell failed."""

    row: Row
    strata: list[Floats]


def collect(
    results: Sequence[CellResult],
    methods: Mapping[str, Description],
    expected: Mapping[str, Sequence[Pair]],
    averaged: Collection[str] | None = None,
) -> pd.DataFrame:
    """All rows of a grid, sorted; the order of `results` does not matter.

    A failed pruning leaves every metric of the cell empty, a failed evaluation those of its kind; the rows
    carry status and reason. A diverged perplexity keeps its value if it is finite. Remarks on how an `ok`
    cell was pruned are the `reason` of its `sparsity` row. Ranks compare the methods of one (model, seed,
    target, metric, dataset): those that failed share the last one, those that do not apply (`na`) have
    none, and the dense model is not ranked. A task may not define a metric (BoolQ has no `acc_norm`): what no
    cell reports of a task that cells do report has no rows. A cell has the rows of its own tasks, and the mean over
    the averaged ones that have the metric; a cell that lacks one of them has no mean, and its row says so. Speeds that
    were timed on another machine than the dense row's are left out likewise. Of a model's internals a cell has the rows
    of what it reports of the blocks.

    Args:
        results: the cells of the grid with their records (`cells.load_cells`).
        methods: by name without variant.
        expected: by kind of evaluation, the pairs every cell should have (`expected.expected_pairs`).
        averaged: the tasks that means are over; None are all (`cells.averaged_tasks`).

    Returns:
        One row per cell and metric, with the columns `rows.COLUMNS`.
    """
    reported = {
        (measurement.metric, measurement.dataset)
        for result in results
        for record in result.evaluations.values()
        for measurement in record.measurements
    }
    defined = {kind: _defined(pairs, reported) for kind, pairs in expected.items()}
    sizes = _sizes(results)
    rows: list[Row] = []
    scores: list[_Score] = []
    for result in results:
        cell = _cell_row(result, methods[result.sweep.method.partition("@")[0]])
        rows += _prune_rows(result, cell, sizes.get((result.sweep.protocol, result.sweep.model)))
        for kind, pairs in defined.items():
            if kind not in result.evaluations:
                continue  # not wanted of this cell
            rows += _cost_rows(result, cell, kind)
            in_mean = [pair for pair in pairs if averaged is None or pair[1] in averaged]
            for pair in _pairs_of(result, kind, pairs, in_mean):
                if reason := _left_out(result, kind, pair, in_mean):
                    rows.append(cell.measured(*pair, None, ("ok", reason)))
                    continue
                score = _measured(result, cell, kind, pair, in_mean)
                rows.append(score.row)
                if score.row.metric in SCORED:
                    scores.append(score)
                elif score.row.metric in TIMED:
                    _add_median_interval(score)
    _add_intervals(scores)
    rows += _rank_rows(scores)
    rows.sort(key=lambda row: (row.protocol, row.model, row.method, row.seed, row.target, row.metric, row.dataset))
    frame = pd.DataFrame([[getattr(row, name) for name in COLUMNS] for row in rows], columns=COLUMNS, dtype=object)
    return frame.astype({"n": "Int64"})


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write `metrics.csv`: floats with as many digits as it takes to read them back exactly, nothing for missing."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def _cell_row(result: CellResult, method: Description) -> Row:
    sweep, target = result.sweep, Target.parse(result.target)
    return Row(
        sweep.model, sweep.method, method.family, method.origin, target.pattern, result.target, target.sparsity,
        sweep.seed, sweep.protocol,
    )  # fmt: skip


def _sizes(results: Iterable[CellResult]) -> dict[tuple[str, str], Size]:
    """By protocol and model, the size of the dense model, which the records of its smaller versions know."""
    return {
        (result.sweep.protocol, result.sweep.model): size.model_copy(
            update={"parameters": size.dense_parameters, "embeddings": size.dense_embeddings, "pruned_heads": 0}
        )
        for result in results
        if result.prune.sparsity and (size := result.prune.sparsity.size)
    }


def _prune_rows(result: CellResult, cell: Row, dense: Size | None) -> list[Row]:
    record, outcome = result.prune, result.outcome()
    remarks = (outcome[0], "; ".join(record.notes) if outcome[0] == "ok" else outcome[1])
    size = dense if result.target == DENSE.token else record.sparsity.size if record.sparsity else None
    smaller = [
        ("parameters", "", float(size.parameters)),
        ("effective_sparsity", "", size.effective),
        ("effective_sparsity", "without embeddings", size.effective_without_embeddings),
        *([] if size.pruned_heads is None else [("pruned_heads", "", float(size.pruned_heads))]),
    ] if size else []  # fmt: skip
    return [
        *(cell.measured(*measured, outcome) for measured in smaller),
        cell.measured("sparsity", "", record.sparsity.measured if record.sparsity else None, remarks),
        *(
            cell.measured(metric, str(loss.step), value, outcome)
            for loss in record.losses
            for metric, value in (("train_loss", loss.train), ("validation_loss", loss.validation))
            if value is not None
        ),
        cell.measured("prune_seconds", "", record.cost.seconds, outcome),
        cell.measured("peak_memory_gb", "prune", _memory(record.cost), outcome),
    ]


def _cost_rows(result: CellResult, cell: Row, kind: str) -> list[Row]:
    cost, outcome = result.evaluations[kind].cost, result.outcome(kind)
    return [
        cell.measured("evaluate_seconds", kind, cost.seconds, outcome),
        cell.measured("peak_memory_gb", kind, _memory(cost), outcome),
    ]


def _memory(cost: Cost) -> float:
    """Peak gigabytes where the model was: on the device if there was one, else on the host."""
    return (cost.peak_device_bytes or cost.peak_host_bytes) / _GB


def _defined(pairs: Sequence[Pair], reported: set[Pair]) -> list[Pair]:
    """The pairs without those no cell reports although their dataset is reported, and without a mean of none."""
    measured = {dataset for _, dataset in reported}
    kept = [pair for pair in pairs if pair in reported or pair[1] not in measured]
    metrics = {metric for metric, dataset in kept if dataset != MEAN}
    return [(metric, dataset) for metric, dataset in kept if dataset != MEAN or metric in metrics]


def _pairs_of(result: CellResult, kind: str, pairs: Sequence[Pair], averaged: Sequence[Pair]) -> list[Pair]:
    """The pairs that a cell has rows of."""
    if kind == "internals":
        return _found_within(result, pairs)
    if kind != "zeroshot":
        return list(pairs)
    means = {metric for metric, _ in averaged}
    return [
        (metric, dataset)
        for metric, dataset in pairs
        if (metric in means if dataset == MEAN else not result.tasks or dataset in result.tasks)
    ]


def _left_out(result: CellResult, kind: str, pair: Pair, in_mean: Sequence[Pair]) -> str:
    """Why a cell that did well has no number for this pair, or nothing."""
    metric, dataset = pair
    if result.outcome(kind)[0] != "ok":
        return ""
    if metric in OF_MACHINE:
        return result.elsewhere
    if kind != "zeroshot" or dataset != MEAN or not result.tasks:
        return ""
    lacking = [task for m, task in in_mean if m == metric and task != MEAN and task not in result.tasks]
    return f"no mean: not measured on {', '.join(lacking)}" if lacking else ""


def _found_within(result: CellResult, blocks: Sequence[Pair]) -> list[Pair]:
    """What a cell reports of these blocks; the blocks themselves where it failed, for its rows to say so."""
    if result.outcome("internals")[0] not in ("ok", "diverged"):
        return list(blocks)
    found = [(measurement.metric, measurement.dataset) for measurement in result.evaluations["internals"].measurements]
    return [pair for pair in found if any(pair[0] == metric and within(pair[1], block) for metric, block in blocks)]


def _measured(result: CellResult, cell: Row, kind: str, pair: Pair, pairs: Sequence[Pair]) -> _Score:
    """One pair of one cell. The mean over tasks is taken over the same tasks in every cell, or not at all."""
    metric, dataset = pair
    outcome = result.outcome(kind)
    wanted = [dataset] if dataset != MEAN else [name for m, name in pairs if m == metric and name != MEAN]
    found = [m for name in wanted if (m := result.measurement(kind, metric, name)) is not None]
    if outcome[0] == "ok" and len(found) < len(wanted):
        outcome = ("error", f"the {kind} record has no {metric} on {dataset}; evaluate this cell again")
    if metric == CONTINUATION:
        return _Score(cell.measured(metric, dataset, found[0].text if found else None, outcome), [])
    values = [nan if m.value is None else m.value for m in found]
    value = values[0] if len(values) == 1 else float(np.mean(values)) if values else None
    if outcome[0] == "ok" and value is not None and not isfinite(value):
        outcome = ("diverged", f"{metric} on {dataset} is not finite")
    row = cell.measured(metric, dataset, value, outcome)
    return _Score(row, [np.asarray(m.items, dtype=np.float64) for m in found] if row.value is not None else [])


def _add_intervals(scores: Sequence[_Score]) -> None:
    intervals = mean_intervals([score.strata for score in scores])
    for (row, strata), (low, high) in zip(scores, intervals, strict=True):
        row.n = sum(len(items) for items in strata) or None
        if isfinite(low):
            ends = np.exp([low, high]) if row.metric == PERPLEXITY else (low, high)
            # Resampling noise is far above the sixth digit; what matrix libraries differ in is below it.
            row.ci_low, row.ci_high = (float(f"{end:.6g}") for end in ends)


def _add_median_interval(score: _Score) -> None:
    for items in score.strata:
        score.row.n = len(items) or None
        if (ends := median_interval(items)) is not None:
            score.row.ci_low, score.row.ci_high = ends


def _rank_rows(scores: Iterable[_Score]) -> list[Row]:
    sets: dict[tuple[str | int, ...], list[_Score]] = {}
    for score in scores:
        row = score.row
        if row.target != DENSE.token:
            key = (row.protocol, row.model, row.seed, row.target, row.metric, row.dataset)
            sets.setdefault(key, []).append(score)
    return [row for members in sets.values() for row in _rank_set(members)]


def _rank_set(members: Sequence[_Score]) -> list[Row]:
    losses = {row.method: _losses(row.metric, strata) for row, strata in members if row.status == "ok"}
    comparable = len({len(values) for values in losses.values()}) <= 1
    ranks = rank_methods(losses) if comparable else {}
    rows = []
    for scored, _ in members:
        row = scored.measured(RANK, f"{scored.metric}/{scored.dataset}", None, (scored.status, scored.reason))
        row.n = len(losses)
        if scored.method in ranks:
            place = ranks[scored.method]
            row.value, row.ci_low, row.ci_high = place.rank, place.best, place.worst
        elif scored.status == "ok":
            row.reason = "not ranked: the methods were not measured on the same items"
        elif scored.status != "na" and losses:
            row.value = len(losses) + 1
        rows.append(row)
    return rows


def _losses(metric: str, strata: Sequence[Floats]) -> Floats:
    """Losses (n,), lower is better, whose mean is the mean over strata of their means; none if a stratum is empty."""
    if not all(len(items) for items in strata):
        return np.empty(0)
    total, sign = sum(len(items) for items in strata), 1.0 if metric == PERPLEXITY else -1.0
    return np.concatenate([sign * items * (total / (len(strata) * len(items))) for items in strata])
