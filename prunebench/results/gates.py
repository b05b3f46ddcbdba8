"""Gates that cells pass before their numbers are believed: how each compares with the dense row of its model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

from prunebench.plugins.header import Value, parse_variant
from prunebench.results.cells import CellResult
from prunebench.results.expected import PERPLEXITY
from prunebench.results.records import EvaluationRecord, PruneRecord
from prunebench.sweeps.keys import DATASET
from prunebench.targets import DENSE

# By model, protocol and dataset: the perplexity the dense model is known to have.
References = Mapping[str, Mapping[str, Mapping[str, float]]]

REFERENCE_TOLERANCE = 0.02
_ANSWERED = ("ok", "diverged")
_MACHINE = ("cpu", "cores", "gpu")
_CALIBRATION = "calibration"


def gated(results: Sequence[CellResult], references: References | None = None) -> list[CellResult]:
    """The cells, with those rejected whose numbers do not compare.

    A model whose dense perplexity is known for the protocol and deviates from it by more than
    `REFERENCE_TOLERANCE` was not evaluated as the protocol says: all its cells are rejected. So are cells made from
    another model, measured on other data, in another dtype or on another kind of device than their dense row; cells
    calibrated on other tokens than most of those with the same seed and as many samples; and speeds timed on another
    machine.
    """
    dense = {(r.sweep.model, r.sweep.protocol): r for r in results if r.target == DENSE.token}
    calibrated = _calibrations(results)
    rejections: dict[tuple[str, str], str] = {}
    for (model, protocol), result in dense.items():
        known = (references or {}).get(model, {}).get(protocol, {})
        if PERPLEXITY in result.evaluations and (reason := _deviation(result, known)):
            rejections[model, protocol] = reason

    def rejection(result: CellResult) -> str:
        key = result.sweep.model, result.sweep.protocol
        if key in rejections:
            return rejections[key]
        other = _other_numbers(result, dense[key]) if key in dense else ""
        return other or _other_calibration(result, calibrated)

    def timed(result: CellResult) -> CellResult:
        key = result.sweep.model, result.sweep.protocol
        return _timed_elsewhere(result, dense[key]) if key in dense else result

    return [timed(replace(result, rejection=rejection(result))) for result in results]


def _calibrations(results: Sequence[CellResult]) -> dict[tuple[str, str, int, Value], str]:
    """The digest of the calibration tokens that most cells have of a protocol, model, seed and number of samples."""
    found: dict[tuple[str, str, int, Value], Counter[str]] = {}
    for result in results:
        if _CALIBRATION in result.prune.key:
            found.setdefault(_sample(result), Counter())[result.prune.key[_CALIBRATION]] += 1
    return {sample: digests.most_common(1)[0][0] for sample, digests in found.items()}


def _sample(result: CellResult) -> tuple[str, str, int, Value]:
    sweep = result.sweep
    return sweep.protocol, sweep.model, sweep.seed, parse_variant(sweep.method)[1].get("nsamples")


def _other_calibration(result: CellResult, usual: Mapping[tuple[str, str, int, Value], str]) -> str:
    made = result.prune.key.get(_CALIBRATION)
    if made is None or made == (expected := usual[_sample(result)]):
        return ""
    return f"calibrated on other tokens ({made}) than the other methods ({expected}); numbers of the two do not compare"


def _other_numbers(result: CellResult, dense: CellResult) -> str:
    """How what a cell was made from or in differs from its dense row in a step both went through, or nothing."""
    steps: list[tuple[PruneRecord | EvaluationRecord, ...]] = [(result.prune, dense.prune)]
    both = [kind for kind in result.evaluations if kind in dense.evaluations]
    steps += [(result.evaluations[kind], dense.evaluations[kind]) for kind in both]
    for records in steps:
        if all(record.status in _ANSWERED for record in records):
            if differing := _other_inputs(*(record.key for record in records)):
                return f"made from {differing} than the dense row; numbers of the two do not compare"
            made, reference = ((r.provenance.get("dtype"), r.provenance.get("device")) for r in records)
            if made != reference:
                return (
                    f"made in {made[0]} on {made[1]}, the dense row in {reference[0]} on {reference[1]}; "
                    "numbers of the two do not compare"
                )
    return ""


def _other_inputs(key: Mapping[str, str], dense: Mapping[str, str]) -> str:
    """The first input that two keys know different digests of, with these, or nothing."""
    for name in sorted(key.keys() & dense.keys()):
        if key[name] != dense[name] and (name == "model" or name.startswith(DATASET)):
            what = "another model" if name == "model" else f"other data of {name.removeprefix(DATASET) or 'speed'}"
            return f"{what} ({key[name]}, not {dense[name]})"
    return ""


def _timed_elsewhere(result: CellResult, dense: CellResult) -> CellResult:
    """The cell with its speed rejected if it was timed on another machine than the dense row's."""
    record, reference = (r.evaluations.get("speed") for r in (result, dense))
    if record is None or reference is None or not record.status == reference.status == "ok":
        return result
    here, there = ([str(r.provenance.get(part)) for part in _MACHINE] for r in (record, reference))
    if here == there:
        return result
    differing = [(a, b) for a, b in zip(here, there, strict=True) if a != b]
    reason = (
        f"timed on {', '.join(a for a, _ in differing)}, the dense row on {', '.join(b for _, b in differing)}; speeds "
        "of two machines do not compare: delete the speed.json of one of them and run snakemake again"
    )
    rejected = EvaluationRecord(cell=record.cell, kind=record.kind, status="rejected", reason=reason, key={})
    return replace(result, evaluations={**result.evaluations, "speed": rejected})


def _deviation(dense: CellResult, known: Mapping[str, float]) -> str:
    """How the dense model misses its reference on the first text it does, or nothing."""
    if dense.outcome(PERPLEXITY)[0] not in _ANSWERED:
        return ""  # not measured: the dense row itself says so
    for dataset, reference in known.items():
        measurement = dense.measurement(PERPLEXITY, PERPLEXITY, dataset)
        if measurement is None:
            continue
        value = measurement.value
        if value is None or not isfinite(value):
            return f"the dense model's perplexity on {dataset} is not finite, its reference is {reference:g}"
        if abs(value / reference - 1) > REFERENCE_TOLERANCE:
            return (
                f"the dense model's perplexity on {dataset} is {value:.4g}, {value / reference - 1:+.1%} from its "
                f"reference {reference:g}; more than {REFERENCE_TOLERANCE:.0%} means another checkpoint or protocol"
            )
    return ""
