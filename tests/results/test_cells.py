import json

import pytest

from prunebench.sealed import read_sealed, write_sealed_json
from tests.results.example import make_run


@pytest.mark.parametrize("damage", ["absent", "cut", "not utf-8", "empty"])
def test_records_that_cannot_be_read_are_errors_of_what_they_hold(tmp_path, damage):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    sweep = run.cells[1].sweep
    path = tmp_path / sweep.evaluation_record("u50", "zeroshot")
    content = path.read_bytes()
    path.unlink()
    if damage != "absent":
        path.write_bytes({"cut": content[: len(content) // 2], "not utf-8": b"\xff\xfe", "empty": b""}[damage])
    wanda = run.results()[1]
    status, reason = wanda.outcome("zeroshot")
    assert status == "error"
    assert reason.startswith("no record: results/cells/laptop-512/opt-tiny/wanda/seed0/u50/zeroshot.json")
    assert wanda.outcome("perplexity") == ("ok", "")
    (tmp_path / sweep.prune_record("u50")).unlink()
    wanda = run.results()[1]
    assert {wanda.outcome(kind)[0] for kind in (None, "perplexity", "zeroshot", "generation")} == {"error"}
    assert "results/pruned/" in wanda.outcome("perplexity")[1]


def test_reasons_are_one_line(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    path = tmp_path / run.cells[1].sweep.prune_record("u50")
    record = json.loads(read_sealed(path)) | {"status": "error", "reason": "Traceback:\r\n  line 1\n\tline 2"}
    write_sealed_json(path, record)
    assert run.results()[1].outcome("perplexity") == ("error", "Traceback: line 1 line 2")
