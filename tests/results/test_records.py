"""Records are read back as they were written, and a damaged one counts as absent."""

import hashlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prunebench.errors import DamagedFile, StorageError
from prunebench.results.records import (
    CellId,
    Cost,
    EvaluationRecord,
    Measurement,
    PruneRecord,
    Sparsity,
    load_record,
    read_record,
    save_record,
)

CELL = CellId(model="m", method="wanda@nsamples=32", target="u50", seed=0, protocol="p")
numbers = st.floats(allow_nan=False)


def evaluation(*measurements: Measurement) -> EvaluationRecord:
    return EvaluationRecord(
        cell=CELL, status="ok", key={"engine": "1"}, kind="perplexity", measurements=list(measurements)
    )


@given(value=st.none() | numbers, items=st.lists(numbers, max_size=5), text=st.none() | st.text())
def test_an_evaluation_record_survives_the_disk(
    tmp_path_factory: pytest.TempPathFactory, value: float | None, items: list[float], text: str | None
) -> None:
    path = tmp_path_factory.mktemp("record") / "perplexity.json"
    record = evaluation(Measurement(metric="perplexity", dataset="t", value=value, items=items, text=text))
    save_record(path, record)
    assert load_record(path, EvaluationRecord) == record


def test_numbers_that_are_not_finite_survive_the_disk_as_json(tmp_path: Path) -> None:
    path = tmp_path / "perplexity.json"
    measured = Measurement(metric="perplexity", dataset="t", value=math.inf, items=[math.nan, -math.inf])
    save_record(path, evaluation(measured))

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    json.loads(path.read_text(), parse_constant=refuse)
    record = load_record(path, EvaluationRecord)
    assert record is not None
    (read,) = record.measurements
    assert read.value == math.inf
    assert math.isnan(read.items[0])
    assert read.items[1] == -math.inf


def test_a_prune_record_survives_the_disk(tmp_path: Path) -> None:
    record = PruneRecord(
        cell=CELL,
        status="ok",
        key={"method": "abc"},
        cost=Cost(seconds=1.5, peak_host_bytes=10**12, peak_device_bytes=1),
        provenance={"torch": "2", "git_sha": None, "threads": 1},
        sparsity=Sparsity(target=0.5, measured=0.5, newly=0.4999, blocks=[0.5, 0.5]),
        patch_sha256="ff",
        notes=["damping raised"],
    )
    save_record(tmp_path / "u50.json", record)
    assert load_record(tmp_path / "u50.json", PruneRecord) == record


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"null", b'{"status": "ok"}', b"\xff\xfe", b"[]"])
def test_a_damaged_record_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "u50.json"
    path.write_bytes(content)
    assert load_record(path, PruneRecord) is None


def test_an_absent_record_is_none(tmp_path: Path) -> None:
    assert load_record(tmp_path / "u50.json", PruneRecord) is None


def test_a_record_of_another_kind_counts_as_absent(tmp_path: Path) -> None:
    save_record(tmp_path / "x.json", evaluation())
    assert load_record(tmp_path / "x.json", PruneRecord) is None


def test_a_number_edited_by_hand_is_damage_and_no_result(tmp_path: Path) -> None:
    path = tmp_path / "u50.json"
    save_record(path, evaluation(Measurement(metric="perplexity", dataset="t", value=9.25)))
    sound = path.read_text()
    elsewhere = sound.replace(' "sha256": "', ' "sha256": "0')
    for edited in (sound.replace("9.25", "8.25"), sound + " ", elsewhere, sound[:-9]):
        path.write_text(edited)
        assert load_record(path, EvaluationRecord) is None
        with pytest.raises(DamagedFile, match=r"u50\.json is not what was written"):
            read_record(path, EvaluationRecord)
    path.write_text(sound)
    assert load_record(path, EvaluationRecord) is not None


def test_the_digest_is_that_of_the_file_without_its_second_line(tmp_path: Path) -> None:
    path = tmp_path / "u50.json"
    save_record(path, evaluation())
    first, second, *rest = path.read_text().splitlines(keepends=True)
    assert json.loads(path.read_text())["sha256"] == hashlib.sha256("".join([first, *rest]).encode()).hexdigest()
    assert "sha256" in second


def test_a_status_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="status"):
        PruneRecord(cell=CELL, status="fine", key={})  # type: ignore[arg-type]


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "u50.json"
    save_record(path, evaluation())
    before = path.read_bytes()

    def full_disk(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(StorageError, match=r"u50\.json cannot be written \(No space left on device\); free space"):
        save_record(path, evaluation(Measurement(metric="m", dataset="d", value=1.0)))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["u50.json"]
