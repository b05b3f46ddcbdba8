"""Where weights lie is the machine's business: it is in no key and changes no record's numbers."""

from pathlib import Path

import pytest
import torch

from prunebench.config.schema import JobWork
from prunebench.errors import PrunebenchError
from prunebench.layout import MODEL
from prunebench.models.checkpoint import weight_bytes
from prunebench.models.load import load_model
from prunebench.results.records import EvaluationRecord, PruneRecord, load_record
from prunebench.sweeps import handlers
from prunebench.sweeps.handlers import is_to_be_mapped
from tests.sweeps.project import LOG, MODEL_NAME, Project

FOLDER = Path(MODEL.format(model=MODEL_NAME)).parent


def patch_and_values(project: Project) -> tuple[str, object, object]:
    pruned = load_record(project.sweep().prune_record("u50"), PruneRecord)
    evaluated = load_record(project.sweep().evaluation_record("u50", "perplexity"), EvaluationRecord)
    assert pruned is not None
    assert evaluated is not None
    assert (pruned.status, evaluated.status) == ("ok", "ok"), pruned.reason + evaluated.reason
    return pruned.patch_sha256, pruned.sparsity, evaluated.measurements


def test_a_run_with_mapped_weights_gives_the_records_of_one_without(project: Project) -> None:
    project.write_protocol(dtype={"cpu": "bfloat16", "cuda": "bfloat16"})  # the checkpoint is float32
    project.prune("u50", weights="mapped")
    project.evaluate("u50", weights="mapped")
    assert LOG.read_text().count("loaded as bfloat16, mapped, in") == 2
    mapped = patch_and_values(project)

    project.prune("u50", weights="memory")
    project.evaluate("u50", weights="memory")
    assert project.calls == ["u50"], "where weights lie is no reason to prune again"

    for record in (project.sweep().prune_record("u50"), project.sweep().evaluation_record("u50", "perplexity")):
        record.unlink()
    project.prune("u50", weights="memory")
    project.evaluate("u50", weights="memory")
    assert project.calls == ["u50", "u50"]
    assert patch_and_values(project) == mapped


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_are_counted_as_they_will_be_loaded(project: Project, dtype: torch.dtype) -> None:
    assert weight_bytes(FOLDER, dtype) == sum(p.nbytes for p in load_model(FOLDER, dtype).parameters())


@pytest.mark.parametrize(("work", "copies"), [("prune", 3), ("perplexity", 2)])
def test_auto_maps_where_the_copies_of_a_job_do_not_fit(
    work: JobWork, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 1_000_000_000
    for room, limit_gb, mapped in (
        (copies * size, None, False),
        (copies * size - 1, None, True),
        (10 * size, copies + 0.1, False),
        (10 * size, copies - 0.1, True),
    ):
        monkeypatch.setattr(handlers, "available_bytes", lambda room=room: room)
        assert is_to_be_mapped("auto", work, size, limit_gb) == mapped
        assert is_to_be_mapped("mapped", work, size, limit_gb)
        assert not is_to_be_mapped("memory", work, size, limit_gb)


def test_shards_are_counted_and_mapped_by_their_index(tmp_path: Path, project: Project) -> None:
    model = load_model(FOLDER, torch.float32)
    model.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    mapped = load_model(tmp_path / "shards", torch.bfloat16, mapped=True)
    assert weight_bytes(tmp_path / "shards", torch.float32) == weight_bytes(FOLDER, torch.float32)
    expected = model.to(torch.bfloat16).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in mapped.state_dict().items())


def test_no_room_for_mapped_weights_fails_the_job_and_leaves_no_record(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(project.root / "absent"))
    with pytest.raises(PrunebenchError, match=r"absent cannot take 0\.00 GB of mapped weights.*; the log is job\.log"):
        project.prune("u50", weights="mapped")
    assert not project.sweep().prune_record("u50").exists()


@pytest.mark.parametrize("weights", ["auto", "mapped"])
def test_a_checkpoint_that_is_damaged_is_named(project: Project, weights: str) -> None:
    (FOLDER / "model.safetensors").write_bytes(b"half a download")
    with pytest.raises(PrunebenchError, match=r"model\.safetensors has another sha256.*; the log is job\.log"):
        project.prune("u50", weights=weights)
