"""Rows of what is found inside of models, whose number is the model's to say."""

import pandas as pd

from prunebench.layout import Sweep
from prunebench.results.cells import CellResult
from prunebench.results.collect import collect
from prunebench.results.expected import block_pairs, expected_pairs, within
from prunebench.results.records import CellId, EvaluationRecord, Measurement, PruneRecord
from tests.results.example import described

FOUND = [("singular_value", f"block{n}.up@{share}") for n in (0, 7) for share in ("0", "0.5", "1")]
FOUND += [("head_distance", f"block4:{pair}") for pair in ("0-1", "0-2", "1-2")]


def result(target, status="ok", pruned="ok", found=FOUND):
    method = "dense" if target == "u00" else "flap"
    cell = CellId(model="opt-tiny", method=method, target=target, seed=0, protocol="laptop-512")
    measurements = [Measurement(metric=metric, dataset=dataset, value=0.25) for metric, dataset in found]
    record = EvaluationRecord(
        cell=cell, kind="internals", status=status, reason="" if status == "ok" else "no room", key={},
        measurements=measurements if status == "ok" else [],
    )  # fmt: skip
    prune = PruneRecord(cell=cell, status=pruned, reason="" if pruned == "ok" else "it broke", key={})
    return CellResult(Sweep(cell.protocol, cell.model, method, 0), target, prune, {"internals": record})


def rows(*results, spectra=(0, -1), heads=(4,)):
    pairs = expected_pairs(["internals"], internals=block_pairs(spectra, heads))
    frame = collect(results, {name: described(name) for name in ("dense", "flap")}, pairs)
    return frame[frame["metric"].isin(["singular_value", "head_distance", "rank"])]


def test_the_pairs_that_are_expected_are_the_blocks():
    assert expected_pairs(["internals"], internals=block_pairs((0, -1), (4,)))["internals"] == (
        ("singular_value", "block0"), ("singular_value", "block-1"), ("head_distance", "block4"),
    )  # fmt: skip
    assert within("block-1.up@0.5", "block-1")
    assert within("block4:0-1", "block4")
    assert not within("block40:0-1", "block4")
    assert not within("block4.up@1", "block-4")


def test_a_cell_has_what_it_reports_of_the_blocks_without_ranks_or_intervals():
    frame = rows(result("u00"), result("s20", found=FOUND[:3]))
    dense, small = frame[frame["target"] == "u00"], frame[frame["target"] == "s20"]
    assert set(zip(small["metric"], small["dataset"], strict=True)) == {*FOUND[:3]}
    assert set(zip(dense["metric"], dense["dataset"], strict=True)) == {
        pair
        for pair in FOUND
        if not pair[1].startswith("block7")  # which the config does not ask for any more
    }
    assert set(frame["status"]) == {"ok"}
    assert set(frame["value"]) == {0.25}
    assert frame["n"].isna().all()


def test_a_failed_cell_has_one_row_for_each_block():
    frame = rows(result("u00"), result("s20", status="timeout"), result("s30", pruned="error"))
    for target, status, reason in (("s20", "timeout", "no room"), ("s30", "error", "it broke")):
        failed = frame[frame["target"] == target]
        assert set(zip(failed["metric"], failed["dataset"], strict=True)) == {
            ("singular_value", "block0"), ("singular_value", "block-1"), ("head_distance", "block4"),
        }  # fmt: skip
        assert set(failed["status"]) == {status}
        assert set(failed["reason"]) == {reason}
        assert all(pd.isna(value) for value in failed["value"])
