"""`prunebench export` finds a cell by any of its names and writes a folder transformers loads."""

import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from prunebench.contract.tiny_models import tiny_calibration, tiny_model
from prunebench.layout import MODEL, Sweep
from prunebench.models.load import load_model
from prunebench.patches import surgery
from prunebench.patches.diff import make_patch
from prunebench.patches.format import save_patch
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.results.records import CellId, PruneRecord, save_record
from prunebench.targets import Target
from tests.cli.conftest import Run
from tests.patches.same import differing_tensors

SWEEP = Sweep("laptop-512", "smollm2-135m", "stade", 0)  # a tiny model stands in for this one


@pytest.fixture
def pruned(project: Path) -> torch.nn.Module:
    folder = Path(MODEL.format(model=SWEEP.model)).parent
    tiny_model("llama-gqa", torch.bfloat16).save_pretrained(folder)
    dense = load_model(folder, "bfloat16")
    cell = prune_cell(dense, load_method("stade", ["methods"]), Target.parse("u50"), tiny_calibration())
    save_patch(SWEEP.patch("u50"), make_patch(dense, cell.model), {})
    record("u50", "ok")
    return cell.model


def record(target: str, status: str) -> None:
    cell = CellId(model=SWEEP.model, method=SWEEP.method, target=target, seed=0, protocol=SWEEP.protocol)
    reason = "" if status == "ok" else "ran into a wall"
    save_record(SWEEP.prune_record(target), PruneRecord(cell=cell, status=status, reason=reason, key={}))


@pytest.mark.parametrize(
    "name",
    [
        "smollm2-135m/stade/u50",
        "laptop-512/smollm2-135m/stade/seed0/u50",
        "results/pruned/laptop-512/smollm2-135m/stade/seed0/u50.safetensors",
        "./results/pruned/laptop-512/smollm2-135m/stade/seed0/u50.json",
    ],
)
def test_a_cell_is_exported_by_any_of_its_names(run: Run, pruned: torch.nn.Module, name: str) -> None:
    result = run("export", name, "out")
    assert result.code == 0
    assert "wrote out" in result.out
    exported = AutoModelForCausalLM.from_pretrained("out")
    ids = tiny_calibration(2, 16)
    assert torch.equal(exported(ids).logits, pruned(ids).logits)


def test_layers_of_different_sizes_come_with_a_word_on_how_to_load_them(run: Run, project: Path) -> None:
    sweep = Sweep("laptop-512", "smollm2-135m", "flap", 0)
    folder = Path(MODEL.format(model=sweep.model)).parent
    tiny_model("llama-gqa", torch.bfloat16).save_pretrained(folder)
    dense = load_model(folder, "bfloat16")
    pruned = prune_cell(dense, load_method("flap", ["methods"]), Target.parse("s20"), tiny_calibration()).model
    save_patch(sweep.patch("s20"), make_patch(dense, pruned), {})
    cell = CellId(model=sweep.model, method="flap", target="s20", seed=0, protocol=sweep.protocol)
    save_record(sweep.prune_record("s20"), PruneRecord(cell=cell, status="ok", key={}))
    result = run("export", "smollm2-135m/flap/s20", "out")
    assert result.code == 0
    command = re.search(r"from_pretrained\('out', trust_remote_code=True\)", result.out)
    assert command is not None
    assert "out/README.md" in result.out
    assert differing_tensors(eval(f"AutoModelForCausalLM.{command[0]}"), pruned) == []  # as it is printed
    assert differing_tensors(surgery.load("out"), pruned) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smollm2-135m/stade", "is no cell; write model/method/target"),
        ("smollm2-135m/stade/50", "target '50' is not one of"),
        ("smollm2-135m/stade/u70", r"has not been pruned .*run: snakemake --cores all results/pruned/laptop-512"),
        ("smollm2-135m/stade/u60", "could not be pruned, so there is nothing to export: ran into a wall"),
    ],
)
def test_what_cannot_be_exported_is_told(run: Run, project: Path, name: str, message: str) -> None:
    record("u60", "timeout")
    result = run("export", name, "out")
    assert result.code == 2
    assert re.search(message, result.err)
    assert not Path("out").exists()
