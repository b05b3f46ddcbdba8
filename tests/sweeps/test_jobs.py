"""Jobs compute what is missing or stale and nothing else, and their numbers are right."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from prunebench.data.calibration import load_calibration, write_calibration
from prunebench.data.windows import load_windows
from prunebench.errors import PrunebenchError
from prunebench.evaluate.perplexity import perplexity
from prunebench.layout import MODEL, RECOVERY
from prunebench.models.load import load_model
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.prune.finetune import RecoveryIds
from prunebench.results.expected import expected_pairs
from prunebench.results.records import EvaluationRecord, Measurement, PruneRecord, load_record, save_record
from prunebench.sweeps import keys
from prunebench.targets import Target
from tests.sweeps.project import GOOD, LOG, MODEL_NAME, PROTOCOL, Project, make_model, random_ids

pytestmark = pytest.mark.slow

SLEEPY = GOOD.replace(
    "    return weight.abs()",
    '    import os, pathlib, time\n    pathlib.Path("pid").write_text(str(os.getpid()))\n'
    '    while target.token == "u60" and not pathlib.Path("go").exists():\n        time.sleep(0.1)\n'
    "    return weight.abs()",
)


def prune_record(project: Project, target: str, method: str = "good") -> PruneRecord:
    record = load_record(project.sweep(method).prune_record(target), PruneRecord)
    assert record is not None
    return record


def evaluation_record(
    project: Project, target: str, kind: str = "perplexity", method: str = "good"
) -> EvaluationRecord:
    record = load_record(project.sweep(method).evaluation_record(target, kind), EvaluationRecord)
    assert record is not None
    return record


def forge_value(project: Project, target: str, value: float) -> None:
    """Put a number into the record that no evaluation gives: where it is still there, nothing was measured again."""
    record = evaluation_record(project, target)
    record.measurements[0].value = value
    save_record(project.sweep().evaluation_record(target, "perplexity"), record)


def values(record: EvaluationRecord) -> dict[str, float | None]:
    return {measured.dataset: measured.value for measured in record.measurements}


def test_a_sweep_grows_by_what_is_new_and_redoes_what_is_stale(project: Project) -> None:
    patch = project.sweep().patch("u50")
    leftover, other = patch.with_name(".u50.safetensors.abc123"), patch.with_name(".u60.safetensors.abc123")
    patch.parent.mkdir(parents=True)
    leftover.touch()
    other.touch()
    project.prune("u50")
    first = patch.read_bytes()
    assert project.calls == ["u50"]
    assert not leftover.exists(), "what a killed worker left of this patch"
    assert other.exists(), "a patch another job may be writing"

    project.prune("u50", "u60", "n2m4")
    assert project.calls == ["u50", "u60", "n2m4"], "only the new targets"
    assert project.sweep().patch("u50").read_bytes() == first

    project.method("good", GOOD.replace("def score", "# explained\n\ndef score"))
    project.prune("u50", "u60", "n2m4")
    assert project.calls == ["u50", "u60", "n2m4"], "a comment changes nothing"

    project.sweep().patch("u60").write_bytes(b"damaged")
    project.sweep().prune_record("n2m4").unlink()
    project.prune("u50", "u60", "n2m4")
    assert project.calls[3:] == ["u60", "n2m4"], "a damaged patch and a missing record"

    project.method("good", GOOD.replace("weight.abs()", "weight"))
    project.prune("u50")
    assert project.calls[5:] == ["u50"], "new code"
    assert project.sweep().patch("u50").read_bytes() != first
    assert "good u50: block 2/2" in LOG.read_text()


def test_an_evaluation_grows_by_the_new_text_and_follows_a_new_patch(project: Project) -> None:
    project.prune("u50")
    project.evaluate("u50")
    alone = evaluation_record(project, "u50")
    forge_value(project, "u50", 123.0)

    project.write_protocol(("text-a", "text-b"))
    project.evaluate("u50")
    both = evaluation_record(project, "u50")
    assert list(values(both)) == ["text-a", "text-b"]
    assert values(both)["text-a"] == 123.0, "the first text was measured again"
    assert both.cost.seconds > alone.cost.seconds
    assert project.calls == ["u50"], "pruned again for the sake of a text"

    project.write_protocol(("text-a",))
    project.evaluate("u50")
    assert evaluation_record(project, "u50") == both, "leaving a text out throws nothing away"

    project.method("good", GOOD.replace("weight.abs()", "weight"))
    project.prune("u50")
    project.evaluate("u50")
    assert values(evaluation_record(project, "u50")).keys() == {"text-a"}
    assert values(evaluation_record(project, "u50"))["text-a"] not in (123.0, values(alone)["text-a"])


def test_numbers_are_those_of_pruning_and_measuring_by_hand(project: Project) -> None:
    project.use_shipped("wanda")
    project.prune("n2m4", method="wanda@nsamples=3")
    project.evaluate("n2m4", method="wanda@nsamples=3")

    dense = load_model(Path(MODEL.format(model=MODEL_NAME)).parent, "float32")
    sweep = project.sweep("wanda")
    calibration = load_calibration(keys.calibration_path(sweep), 3)
    cell = prune_cell(dense, load_method("wanda", ["methods"]), Target.parse("n2m4"), calibration)
    expected = perplexity(cell.model, load_windows(keys.windows_path(sweep, "text-a")), "text-a")
    (measured,) = evaluation_record(project, "n2m4", method="wanda@nsamples=3").measurements
    assert measured.items == pytest.approx(expected.items, rel=1e-6)
    assert prune_record(project, "n2m4", "wanda@nsamples=3").sparsity == cell.sparsity


def test_the_dense_model_and_a_generation_go_the_same_way(project: Project) -> None:
    project.prune("u00", method="dense")
    project.evaluate("u00", method="dense")
    project.evaluate("u00", method="dense", kind="generation")
    sparsity = prune_record(project, "u00", "dense").sparsity
    assert sparsity is not None
    assert sparsity.measured == 0
    (measured,) = evaluation_record(project, "u00", "generation", "dense").measurements
    assert measured.text is not None
    assert measured.text.startswith("University is")
    dense = load_model(Path(MODEL.format(model=MODEL_NAME)).parent, "float32")
    expected = perplexity(dense, load_windows(keys.windows_path(project.sweep(), "text-a")), "text-a")
    assert values(evaluation_record(project, "u00", method="dense"))["text-a"] == pytest.approx(expected.value)


def test_the_speed_of_a_smaller_model_is_recorded_beside_the_dense_ones(project: Project) -> None:
    project.use_shipped("magnitude_units")
    project.write_protocol(speed={"prompt_tokens": 40, "new_tokens": 4, "repetitions": 7})
    for method, targets in (("dense", ["u00"]), ("magnitude_units", ["s20", "s50"])):
        project.prune(*targets, method=method)
        project.evaluate(*targets, method=method, kind="speed")

    def measured(target: str, method: str) -> dict[tuple[str, str], Measurement]:
        record = evaluation_record(project, target, "speed", method)
        assert record.status == "ok", record.reason
        return {(m.metric, m.dataset): m for m in record.measurements}

    dense, some, half = measured("u00", "dense"), measured("s20", "magnitude_units"), measured("s50", "magnitude_units")
    assert tuple(dense) == tuple(half)
    assert set(dense) == set(expected_pairs(["speed"])["speed"])
    assert len(half["decode_speedup", ""].items) == 7
    for metric in ("flops", "flops_counted", "inference_memory_gb"):
        values = [cell[metric, ""].value or 0 for cell in (dense, some, half)]
        assert values[0] > values[1] > values[2] > 0, metric
    loads = LOG.read_text().count("loaded as")
    project.evaluate("s20", "s50", method="magnitude_units", kind="speed")
    assert LOG.read_text().count("loaded as") == loads == 4, "each job loads the dense model once, a current one never"


def test_a_record_says_how_it_was_made_and_a_patch_is_evaluated_in_its_own_dtype(project: Project) -> None:
    project.write_protocol(dtype={"cpu": "bfloat16", "cuda": "bfloat16"})
    project.prune("u50", threads=2)
    pruned = prune_record(project, "u50")
    assert pruned.key == keys.prune_key(_config(project), project.sweep(), "u50")
    assert 0 < pruned.cost.seconds < 60
    assert pruned.cost.peak_host_bytes > 100e6
    assert (pruned.cost.peak_device_bytes > 0) == torch.cuda.is_available()
    assert pruned.provenance["threads"] == 2
    assert pruned.provenance["dtype"] == "bfloat16"
    assert pruned.provenance["torch"] == torch.__version__

    project.write_protocol(dtype={"cpu": "float32", "cuda": "float32"})
    project.evaluate("u50")
    assert evaluation_record(project, "u50").status == "ok"
    assert evaluation_record(project, "u50").provenance["dtype"] == "bfloat16"


def test_trouble_with_the_model_fails_the_job_and_leaves_no_record(project: Project) -> None:
    folder = Path(MODEL.format(model=MODEL_NAME)).parent
    (folder / "model.safetensors").write_bytes(b"half a download")
    with pytest.raises(PrunebenchError, match=r"has another sha256 than when it was made.*; the log is job\.log"):
        project.prune("u50")
    assert not project.sweep().prune_record("u50").exists()
    make_model(folder)
    (folder / "asset.json").unlink()
    with pytest.raises(PrunebenchError, match=r"asset\.json cannot be read"):
        project.prune("u50")


def test_a_result_that_cannot_be_stored_fails_the_job_and_the_cells_before_are_kept(project: Project) -> None:
    project.sweep().patch("u60").mkdir(parents=True)
    with pytest.raises(PrunebenchError, match="Is a directory"):
        project.prune("u50", "u60", "u70")
    assert prune_record(project, "u50").status == "ok"
    assert not project.sweep().prune_record("u60").exists()
    project.sweep().patch("u60").rmdir()
    project.prune("u50", "u60", "u70")
    assert project.calls == ["u50", "u60", "u60", "u70"]


def test_evaluating_what_was_never_pruned_or_has_lost_its_patch_fails_the_job(project: Project) -> None:
    with pytest.raises(PrunebenchError, match=r"u50\.json is missing or damaged"):
        project.evaluate("u50")
    project.prune("u50")
    project.sweep().patch("u50").unlink()
    with pytest.raises(PrunebenchError, match=r"u50\.safetensors is missing or not what its record says"):
        project.evaluate("u50")


def test_after_a_kill_only_the_cell_in_progress_is_lost(project: Project) -> None:
    project.method("good", SLEEPY)
    arguments = json.dumps([project.config, project.sweep().path, ["u50", "u60", "u70"]])
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom prunebench.sweeps.jobs import prune_sweep\n"
        "prune_sweep(*json.loads(sys.argv[1]), Path('job.log'))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, arguments])
    _wait_until(lambda: project.calls == ["u50", "u60"])
    worker = psutil.Process(int(Path("pid").read_text()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)

    Path("go").touch()
    project.prune("u50", "u60", "u70")
    assert project.calls == ["u50", "u60", "u60", "u70"]
    assert [prune_record(project, target).status for target in ("u50", "u60", "u70")] == ["ok"] * 3


def _config(project: Project) -> Any:
    from prunebench.config.load import load_config

    return load_config(project.config)


def _wait_until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen in time; {os.getcwd()}"
        time.sleep(0.05)


def test_a_model_that_lost_units_is_pruned_stored_and_evaluated(project: Project) -> None:
    project.use_shipped("flap")
    project.prune("s20", "s30", method="flap", targets=["s20", "s30"])
    for target, share in (("s20", 0.2), ("s30", 0.3)):
        record = prune_record(project, target, "flap")
        assert (record.status, record.reason) == ("ok", "")
        assert record.sparsity is not None
        assert record.sparsity.size is not None
        assert record.sparsity.measured == pytest.approx(share, abs=0.02)
        assert 0 < record.sparsity.size.effective < share
    for kind in ("perplexity", "generation"):
        project.evaluate("s20", kind=kind, method="flap", targets=["s20"])
        assert evaluation_record(project, "s20", kind, "flap").status == "ok"
    dense = load_model(Path(MODEL.format(model=MODEL_NAME)).parent, "float32")
    method = load_method("flap", ["methods"])
    ids = load_calibration(keys.calibration_path(project.sweep("flap")))
    pruned = prune_cell(dense, method, Target.parse("s20"), ids).model
    windows = load_windows(Path(keys.windows_path(project.sweep("flap"), "text-a")))
    wanted = perplexity(pruned, windows, "text-a").value
    assert values(evaluation_record(project, "s20", method="flap"))["text-a"] == pytest.approx(wanted, rel=1e-6)


def test_a_fine_tuned_model_has_its_curve_its_own_key_and_the_right_numbers(project: Project) -> None:
    method, path = (
        "good@lora=2,lora_text=text-b",
        Path(RECOVERY.format(protocol=PROTOCOL, model=MODEL_NAME, text="text-b", seed=0)),
    )
    write_calibration(path, random_ids(keys.VALIDATION_ROWS + 3, seed=5), {"text": "text-b"})
    project.prune("u50", method=method)
    record = prune_record(project, "u50", method)
    assert [loss.step for loss in record.losses] == [0, 1, 2, 4]
    assert record.notes[-1].startswith("LoRA of rank 8 on 2 sequences of 16 tokens")
    project.evaluate("u50", method=method)
    ids, dense = load_calibration(path), load_model(Path(MODEL.format(model=MODEL_NAME)).parent, "float32")
    by_hand = prune_cell(
        dense, load_method(method, ["methods"]), Target.parse("u50"),
        load_calibration(keys.calibration_path(project.sweep())),
        recovery=RecoveryIds(validation=ids[:4], training=ids[4:6]),
    )  # fmt: skip
    assert by_hand.losses == record.losses
    windows = load_windows(keys.windows_path(project.sweep(), "text-a"))
    assert values(evaluation_record(project, "u50", method=method)) == {
        "text-a": pytest.approx(perplexity(by_hand.model, windows, "text-a").value)
    }
    calls = project.calls
    project.prune("u50", method=method)
    assert project.calls == calls
    write_calibration(path, random_ids(keys.VALIDATION_ROWS + 3, seed=6), {"text": "text-b"})
    project.prune("u50", method=method)
    assert project.calls == [*calls, "u50"]
