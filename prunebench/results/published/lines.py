"""Lines of published files: each carries its own digest, and a cell's line holds its records, slimmed.

Nothing that a row, an interval or a rank is made from is left out or rounded: rounding the losses of windows to seven
digits would move the sixth digit of some intervals. What records of a file share, the environments they were made in,
is in its first line.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.files import digest_json
from prunebench.layout import Sweep
from prunebench.plugins.header import parse_variant
from prunebench.results.cells import CellResult
from prunebench.results.published.consistent import check_evaluations
from prunebench.results.records import CellId, EvaluationRecord, PruneRecord
from prunebench.sweeps.keys import DATASET
from prunebench.targets import Target

Json = dict[str, Any]
Environments = Mapping[str, Json]

_SEAL = re.compile(r'\{"sha256":"([0-9a-f]{16})",')
_CONFLICT = re.compile(r"<{7}|={7}|>{7}|\|{7}")
_FOLDER = re.compile(r"\w[\w.-]*")  # a protocol's board may become a folder of its name
_EXPANDED = ("cell", "kind", "provenance")  # said by the line's place, or in the first line

Record = TypeVar("Record", PruneRecord, EvaluationRecord)


def seal(line: Json) -> str:
    """A line of JSON that starts with a digest of the rest; other than ASCII is escaped, so that a diff shows it."""
    text = json.dumps(line, separators=(",", ":"), allow_nan=False)
    return f'{{"sha256":"{_digest(text)}",{text[1:]}'


def unseal(text: str, where: str) -> Json:
    """The inverse of `seal`.

    Args:
        where: file and line, for messages.

    Raises:
        PrunebenchError: a merge conflict is not resolved.
        DamagedFile: it is not what `seal` made.
    """
    if _CONFLICT.match(text):
        raise PrunebenchError(
            f"{where}: a merge conflict is not resolved; keep one side's file, or delete it and publish again"
        )
    found = _SEAL.match(text)
    rest = "{" + text[found.end() :] if found else ""
    if found is None or _digest(rest) != found[1]:
        raise DamagedFile(
            f"{where}: the line is not what was published, it was edited or cut off; restore it with git, or delete "
            "it and publish again"
        )
    line: Json = json.loads(rest)
    return line


def cell_name(result: CellResult) -> str:
    """What a cell is called: `protocol/model/method/seed0/target`."""
    return f"{result.sweep.path}/{result.target}"


def environment_name(provenance: Json) -> str:
    """A name for what a record was made in, the same wherever it is published."""
    return digest_json(provenance)[:8]


def cell_line(result: CellResult) -> Json:
    """A cell as the content of its line."""
    return {
        "cell": cell_name(result),
        "prune": _slim(result.prune),
        "evaluations": {kind: _slim(record) for kind, record in result.evaluations.items()},
    }


def read_cell(line: Json, environments: Environments, where: str) -> CellResult:
    """The inverse of `cell_line`; tasks are those of the zero-shot record.

    Raises:
        PrunebenchError: the line has another form than this version publishes.
    """
    try:
        path, target = line["cell"].rsplit("/", 1)
        sweep = Sweep.parse(path)
        Target.parse(target)
        parse_variant(sweep.method)
        if not _FOLDER.fullmatch(sweep.protocol):
            raise ValueError(sweep.protocol)
        prune, evaluations = line["prune"], dict(line["evaluations"])
        unknown = line.keys() - {"cell", "prune", "evaluations"}
    except (KeyError, ValueError, TypeError, AttributeError, PrunebenchError):
        raise PrunebenchError(f"{where}: this is not the line of a cell; publish again") from None
    if unknown:
        raise PrunebenchError(f"{where}: unknown key {min(unknown)!r}; publish again with this version")
    cell = CellId(model=sweep.model, method=sweep.method, target=target, seed=sweep.seed, protocol=sweep.protocol)
    records = {
        kind: _restored(EvaluationRecord, record, {"cell": cell, "kind": kind}, environments, where)
        for kind, record in evaluations.items()
    }
    pruned = _restored(PruneRecord, prune, {"cell": cell}, environments, where)
    check_evaluations(records, where)
    return CellResult(sweep, target, pruned, records, tasks=measured_tasks(records))


def measured_tasks(evaluations: Mapping[str, EvaluationRecord]) -> tuple[str, ...]:
    """The zero-shot tasks that a cell's record is about."""
    key = evaluations["zeroshot"].key if "zeroshot" in evaluations else {}
    return tuple(name.removeprefix(DATASET) for name in key if name.startswith(DATASET))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _slim(record: PruneRecord | EvaluationRecord) -> Json:
    slim: Json = json.loads(record.model_dump_json(exclude=set(_EXPANDED), exclude_defaults=True))
    if record.provenance:
        slim["environment"] = environment_name(record.provenance)
    for measurement in slim.get("measurements", []):
        items = measurement.get("items", [])
        if items and all(item in (0.0, 1.0) for item in items):
            measurement["items"] = "".join(str(int(item)) for item in items)
    return slim


def _restored(kind: type[Record], slim: Json, known: Json, environments: Environments, where: str) -> Record:
    try:
        record = {**slim, **known}
        if (name := record.pop("environment", None)) is not None:
            if name not in environments:
                raise PrunebenchError(f"{where}: the first line does not know the environment {name!r}; publish again")
            record["provenance"] = environments[name]
        if "measurements" in record:
            record["measurements"] = [_unpacked(measurement) for measurement in record["measurements"]]
        return kind.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        what = "unknown key" if first["type"] == "extra_forbidden" else f"{first['msg'].lower()} at"
        raise PrunebenchError(f"{where}: {what} {key!r}; publish again with this version") from None
    except (TypeError, ValueError, AttributeError):
        raise PrunebenchError(f"{where}: this is not the line of a cell; publish again") from None


def _unpacked(measurement: Json) -> Json:
    items = measurement.get("items")
    return {**measurement, "items": [float(digit) for digit in items]} if isinstance(items, str) else measurement
