"""Gates that cells pass before their numbers are believed: how each compares with the dense row of its model."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite

from prunebench.plugins.header import parse_variant
from prunebench.results.cells import CellResult
from prunebench.results.expected import PERPLEXITY
from prunebench.results.records import EvaluationRecord, PruneRecord
from prunebench.sweeps.keys import DATASET
from prunebench.targets import DENSE

# By model, protocol and dataset: the perplexity the dense model is known to have.
References = Mapping[str, Mapping[str, Mapping[str, float]]]
# Protocol, model, what it is, and which: of calibration tokens their seed and number, of an evaluation the dataset.
_Shared = tuple[object, ...]

REFERENCE_TOLERANCE = 0.02
_ANSWERED = ("ok", "diverged")
_MACHINE = ("cpu", "cores", "gpu")
_CALIBRATION = "calibration"


def gated(results: Sequence[CellResult], references: References | None = None) -> list[CellResult]:
    """The cells, with those rejected whose numbers do not compare.

    A model whose dense perplexity is known for the protocol and deviates from it by more than
    `REFERENCE_TOLERANCE` was not evaluated as the protocol says: all its cells are rejected. So are cells made from
    another model, measured on other data, in another dtype or on another kind of device than their dense row; cells
    calibrated on other tokens than most methods with the same seed and as many samples; and cells measured on other
    data than most methods, of a dataset that the dense row lacks. Speeds timed on another machine than the dense
    row's are marked (`CellResult.elsewhere`).
    """
    dense = {(r.sweep.model, r.sweep.protocol): r for r in results if r.target == DENSE.token}
    usual = _usual(results, dense.values())
    rejections: dict[tuple[str, str], str] = {}
    for (model, protocol), result in dense.items():
        known = (references or {}).get(model, {}).get(protocol, {})
        if PERPLEXITY in result.evaluations and (reason := _deviation(result, known)):
            rejections[model, protocol] = reason

    def checked(result: CellResult) -> CellResult:
        key = result.sweep.model, result.sweep.protocol
        reference = dense.get(key)
        rejection = rejections.get(key, "")
        if not rejection and reference is not None:
            rejection = _other_numbers(result, reference)
        elsewhere = _timed_elsewhere(result, reference) if reference is not None else ""
        return replace(result, rejection=rejection or _unusual(result, usual), elsewhere=elsewhere)

    return [checked(result) for result in results]


def _usual(results: Iterable[CellResult], dense: Iterable[CellResult]) -> dict[_Shared, str]:
    """Of what methods must share, the dense row's digest, or else that which most methods have, of one vote each.

    Where as many have another, that of more cells counts, and then the first in the alphabet.
    """
    cells: dict[_Shared, dict[str, Counter[str]]] = {}
    for result in results:
        method = parse_variant(result.sweep.method)[0]
        for what, digest in _shared(result).items():
            cells.setdefault(what, {}).setdefault(method, Counter())[digest] += 1
    usual = {what: _most(of_methods.values()) for what, of_methods in cells.items()}
    for result in dense:
        usual |= _shared(result)
    return usual


def _most(of_methods: Iterable[Counter[str]]) -> str:
    votes, cells = Counter[str](), Counter[str]()
    for found in of_methods:
        votes[min(found, key=lambda digest: (-found[digest], digest))] += 1
        cells.update(found)
    return min(cells, key=lambda digest: (-votes[digest], -cells[digest], digest))


def _shared(result: CellResult) -> dict[_Shared, str]:
    """What the cell has the same of as other methods of its model: calibration tokens and data, by what they are of."""
    sweep = result.sweep
    found: dict[_Shared, str] = {}
    if _CALIBRATION in result.prune.key:
        nsamples = parse_variant(sweep.method)[1].get("nsamples")
        found[sweep.protocol, sweep.model, _CALIBRATION, sweep.seed, nsamples] = result.prune.key[_CALIBRATION]
    for kind, record in result.evaluations.items():
        for name, digest in record.key.items() if record.status in _ANSWERED else ():
            if name.startswith(DATASET):
                found[sweep.protocol, sweep.model, kind, name] = digest
    return found


def _unusual(result: CellResult, usual: Mapping[_Shared, str]) -> str:
    """In what the cell differs from what most methods were calibrated or measured on, or nothing."""
    for what, digest in _shared(result).items():
        if digest != (expected := usual[what]):
            name = str(what[3]).removeprefix(DATASET)
            how = "calibrated on other tokens" if what[2] == _CALIBRATION else f"measured on other data of {name}"
            return f"{how} ({digest}) than the other methods ({expected}); numbers of the two do not compare"
    return ""


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


def _timed_elsewhere(result: CellResult, dense: CellResult) -> str:
    """On which other machine than the dense row's the cell was timed, or nothing."""
    record, reference = (r.evaluations.get("speed") for r in (result, dense))
    if record is None or reference is None or not record.status == reference.status == "ok":
        return ""
    here, there = ([str(r.provenance.get(part)) for part in _MACHINE] for r in (record, reference))
    differing = [(a, b) for a, b in zip(here, there, strict=True) if a != b]
    return (
        f"timed on {', '.join(a for a, _ in differing)}, the dense row on {', '.join(b for _, b in differing)}; speeds "
        "of two machines do not compare, only how much faster each model is than the dense one timed beside it"
        if differing
        else ""
    )


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
