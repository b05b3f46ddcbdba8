"""Which numbers of an evaluation record stay true when the wanted key changes."""

import pytest

from prunebench.results.records import CellId, Cost, EvaluationRecord, Measurement, Status
from prunebench.sweeps.keys import DATASET
from prunebench.sweeps.merge import extended, may_extend, unmeasured

CELL = CellId(model="m", method="wanda", target="u50", seed=0, protocol="p")


def key(patch: str = "p1", **datasets: str) -> dict[str, str]:
    return {"patch": patch, **{DATASET + name: digest for name, digest in datasets.items()}}


def record(
    wanted: dict[str, str], status: Status = "ok", cost: Cost | None = None, **provenance: object
) -> EvaluationRecord:
    names = [name.removeprefix(DATASET) for name in wanted if name.startswith(DATASET)]
    measurements = [Measurement(metric="acc", dataset=name, value=0.5) for name in names]
    return EvaluationRecord(
        cell=CELL, kind="zeroshot", status=status, reason="" if status == "ok" else f"why {status}", key=wanted,
        measurements=measurements if status in ("ok", "diverged") else [], cost=cost or Cost(), provenance=provenance,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("present", "wanted", "missing"),
    [
        (None, key(a="1", b="2"), ["a", "b"]),
        (record(key(a="1")), key(a="1"), []),
        (record(key(a="1")), key(a="1", b="2"), ["b"]),
        (record(key(a="1")), key(b="2", a="1", c="3"), ["b", "c"]),
        (record(key(a="1", b="2")), key(a="1"), []),
        (record(key(a="1", b="2")), key(b="2", c="3"), ["c"]),
        (record(key(a="1")), key(b="2"), ["b"]),
        (record(key(a="1")), key("p2", a="1"), ["a"]),
        (record(key(a="1")), key("p2", a="1", b="2"), ["a", "b"]),
        (record(key(a="1")), key(a="2", b="2"), ["a", "b"]),
        (record(key(a="1")), {**key(a="1"), "engine": "2"}, ["a"]),
        (record({**key(a="1"), "engine": "1"}), key(a="1"), ["a"]),
        (record(key(a="1"), "diverged"), key(a="1", b="2"), ["b"]),
        (record(key(a="1"), "error"), key(a="1"), []),
        (record(key(a="1"), "timeout"), key(a="1", b="2"), ["a", "b"]),
        (record(key(a="1", b="2"), "timeout"), key(a="1"), ["a"]),
    ],
)
def test_only_what_is_missing_is_measured(
    present: EvaluationRecord | None, wanted: dict[str, str], missing: list[str]
) -> None:
    assert unmeasured(present, wanted) == missing


def test_numbers_of_another_patch_are_not_kept() -> None:
    assert not may_extend(record(key("p1", a="1")), key("p2", a="1", b="2"))


def test_the_old_measurements_stay_and_the_costs_add_up() -> None:
    old = record(key(a="1", z="9"), cost=Cost(seconds=1, peak_host_bytes=5, peak_device_bytes=7), torch="2")
    new = record(key(b="2"), cost=Cost(seconds=2, peak_host_bytes=6, peak_device_bytes=1), torch="2")
    both = extended(old, new)
    assert [measured.dataset for measured in both.measurements] == ["a", "z", "b"]
    assert both.key == key(a="1", z="9", b="2")
    assert both.cost == Cost(seconds=3, peak_host_bytes=6, peak_device_bytes=7)
    assert both.provenance == {"torch": "2"}
    assert unmeasured(both, key(a="1", b="2")) == []


def test_surroundings_that_changed_meanwhile_are_both_named() -> None:
    first = extended(record(key(a="1"), torch="1"), record(key(b="2"), torch="2"))
    assert first.provenance == {"torch": "2", "extends": {"torch": "1"}}
    second = extended(first, record(key(c="3"), torch="2"))
    assert second.provenance == {"torch": "2", "extends": {"torch": "1"}}
    third = extended(second, record(key(d="4"), torch="3"))
    assert third.provenance == {"torch": "3", "extends": {"torch": "2", "extends": {"torch": "1"}}}


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [("ok", "ok", "ok"), ("diverged", "ok", "diverged"), ("ok", "diverged", "diverged"), ("ok", "oom", "oom")],
)
def test_the_worse_status_wins(old: Status, new: Status, status: Status) -> None:
    both = extended(record(key(a="1"), old), record(key(b="2"), new))
    assert both.status == status
    assert both.reason == ("" if status == "ok" else f"why {status}")


def test_a_failed_extension_has_no_numbers_and_only_its_own_key() -> None:
    failed = extended(record(key(a="1")), record(key(a="1", b="2"), "timeout"))
    assert failed.measurements == []
    assert failed.key == key(a="1", b="2")
