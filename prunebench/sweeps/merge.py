"""Evaluation records that grow: a task added to the config is measured, the others keep their numbers."""

from prunebench.results.records import Cost, EvaluationRecord
from prunebench.sweeps.keys import DATASET

_ANSWERED = ("ok", "diverged")


def same_but_for_datasets(record: EvaluationRecord, key: dict[str, str]) -> bool:
    """Whether the record's key and `key` agree in what both have, and only lack datasets of each other."""
    shared, alone = record.key.keys() & key.keys(), record.key.keys() ^ key.keys()
    return all(record.key[name] == key[name] for name in shared) and all(name.startswith(DATASET) for name in alone)


def may_extend(record: EvaluationRecord, key: dict[str, str]) -> bool:
    """Whether `record` has numbers that stay true under `key`: the two differ only in datasets one of them lacks.

    Nothing is mixed with numbers from another patch, engine or setting.
    """
    return record.status in _ANSWERED and same_but_for_datasets(record, key)


def unmeasured(record: EvaluationRecord | None, key: dict[str, str]) -> list[str]:
    """The datasets that still have to be measured for the cell to have `key`; none if the record is current.

    What a record has beyond `key` does no harm, so that leaving a task out of one run does not throw its
    numbers away. A failed record is current as long as its key is.
    """
    wanted = [name.removeprefix(DATASET) for name in key if name.startswith(DATASET)]
    if record is None:
        return wanted
    if record.key == key:
        return []
    return [name for name in wanted if DATASET + name not in record.key] if may_extend(record, key) else wanted


def extended(earlier: EvaluationRecord, added: EvaluationRecord) -> EvaluationRecord:
    """`added` with the measurements of `earlier` before its own.

    Costs add up, the larger peak counts, and where the two were made in different surroundings the
    provenance of the earlier one is kept as `extends`. If `added` failed, so did the whole.
    """
    if added.status not in ("ok", "diverged"):
        return added
    worse = earlier if earlier.status == "diverged" else added
    made_by = {name: value for name, value in earlier.provenance.items() if name != "extends"}
    provenance = dict(added.provenance)
    if made_by != provenance:
        provenance["extends"] = earlier.provenance
    elif "extends" in earlier.provenance:
        provenance["extends"] = earlier.provenance["extends"]
    return added.model_copy(
        update={
            "status": worse.status,
            "reason": worse.reason,
            "key": {**earlier.key, **added.key},
            "cost": Cost(
                seconds=earlier.cost.seconds + added.cost.seconds,
                peak_host_bytes=max(earlier.cost.peak_host_bytes, added.cost.peak_host_bytes),
                peak_device_bytes=max(earlier.cost.peak_device_bytes, added.cost.peak_device_bytes),
            ),
            "provenance": provenance,
            "measurements": [*earlier.measurements, *added.measurements],
        }
    )
