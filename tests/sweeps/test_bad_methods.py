"""Deliberately bad methods through the real pruning and evaluation: the bad cells say why, the others are fine."""

import re
import time

import pytest

from prunebench.files import sha256_file
from prunebench.results.records import EvaluationRecord, PruneRecord, load_record
from tests.sweeps.project import LOG, Project

pytestmark = pytest.mark.slow

MOODY = '''
"""Behaves well for some targets and badly, in a way of its own, for each of the others."""
import os
import signal
import sys

import torch

from prunebench.errors import NotApplicable

METHOD = {"title": "Moody", "family": "f", "patterns": ["unstructured"], "needs": ["input_sq_norm"]}


def prune_layer(layer, inputs, target):
    if layer.name.endswith("layers.0.self_attn.q_proj"):
        with open("calls", "a") as file:
            file.write(target.token + "\\n")
    act = BAD.get(target.token)
    weight = act(layer, target) if act else None
    return half(layer.weight, target) if weight is None else weight


def half(weight, target):
    order = weight.abs().flatten().argsort()
    pruned = weight.clone().flatten()
    pruned[order[: int(target.sparsity * weight.numel())]] = 0
    return pruned.view_as(weight)


def fail(layer, target):
    raise ValueError("it does not\\nfit")


def not_a_number(layer, target):
    weight = half(layer.weight, target)
    weight[0, 0] = float("nan")
    return weight


def miss(layer, target):
    return layer.weight.clone()


def endless(layer, target):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def hoard(layer, target):
    hoards = []
    while True:
        hoards.append(torch.ones(1 << 24))


def ask_too_much(layer, target):
    torch.empty(1 << 50)


def chat(layer, target):
    print('{"status": "rejected", "reason": "forged"}', flush=True)
    os.write(1, b'{"status": "error"}\\n')


def vandalise(layer, target):
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.manual_seed(int(target.sparsity * 1000))
    raise KeyboardInterrupt


def edit_the_dense_model(layer, target):
    frame = sys._getframe()
    while not isinstance(frame.f_locals.get("dense"), torch.nn.Module):
        frame = frame.f_back
    frame.f_locals["dense"].get_submodule(layer.name).weight.data[0, 0] += 1


def explode(layer, target):
    return half(layer.weight, target).sign() * 3e38


def cut_a_character(layer, target):
    raise ValueError("cut \\ud83d off")


def fill_the_disk(layer, target):
    raise OSError(28, "No space left on device")


BAD = {
    "u12": fail,
    "u14": not_a_number,
    "u16": miss,
    "u20": endless,
    "u22": hoard,
    "u24": ask_too_much,
    "u26": lambda layer, target: os._exit(3),
    "u28": lambda layer, target: os.kill(os.getpid(), signal.SIGSEGV),
    "u32": chat,
    "u34": lambda layer, target: exit("bye"),
    "u36": vandalise,
    "u38": lambda layer, target: (_ for _ in ()).throw(NotApplicable("no biases")),
    "u40": explode,
    "u42": edit_the_dense_model,
    "u44": cut_a_character,
    "u46": fill_the_disk,
}
'''
GOOD_CELLS = ("u11", "u15", "u21", "u25", "u32", "u50")
# target: status, beginning of the reason, a part of the reason
BAD_CELLS = {
    "u12": ("error", "ValueError: it does not fit (moody.py:", ""),
    "u14": ("rejected", "", "has NaN or infinite values"),
    "u16": ("rejected", "", "the target u16 asks for"),
    "u20": ("timeout", "took longer than limits.cell_minutes = 0.2", ""),
    "u22": ("oom", "reached ", "more than limits.memory_gb = 1.2"),
    "u24": ("oom", "RuntimeError: ", "can't allocate memory"),
    "u26": ("error", "the process exited with status 3", ""),
    "u28": ("error", "the process was killed by signal 11, SIGSEGV", ""),
    "u34": ("error", "SystemExit: bye (moody.py:", ""),
    "u38": ("na", "no biases", ""),
    "u42": ("rejected", "the dense model itself was changed", ""),
    "u44": ("error", "ValueError: cut ? off (moody.py:", ""),
    "u46": ("error", "OSError: [Errno 28] No space left on device (moody.py:", ""),
}
DIVERGED = "u40"
TARGETS = sorted([*GOOD_CELLS, *BAD_CELLS, DIVERGED])
LIMITS = {"cell_minutes": 0.2, "memory_gb": 1.2}


def prune_record(project: Project, target: str, method: str = "moody") -> PruneRecord:
    record = load_record(project.sweep(method).prune_record(target), PruneRecord)
    assert record is not None
    return record


def evaluation_record(project: Project, target: str, method: str = "moody") -> EvaluationRecord:
    record = load_record(project.sweep(method).evaluation_record(target, "perplexity"), EvaluationRecord)
    assert record is not None
    return record


def test_exactly_the_bad_cells_are_marked_and_no_cell_is_computed_twice(project: Project) -> None:
    project.method("moody", MOODY)
    project.prune(*TARGETS, method="moody", limits=LIMITS)

    for target in (*GOOD_CELLS, DIVERGED):
        record = prune_record(project, target)
        assert (record.status, record.reason) == ("ok", ""), target
        assert record.sparsity is not None
        assert record.sparsity.measured == pytest.approx(record.sparsity.target, abs=2e-3)
    for target, (status, beginning, part) in BAD_CELLS.items():
        record = prune_record(project, target)
        assert record.status == status, f"{target}: {record.reason}"
        assert record.reason.startswith(beginning), target
        assert part in record.reason, target
        assert record.cost.peak_host_bytes > 100e6, target
        assert "\n" not in record.reason
    assert re.search(r"; peak \d\.\d GB of memory$", prune_record(project, "u24").reason)
    for target in TARGETS:
        assert prune_record(project, target).patch_sha256 == sha256_file(project.sweep("moody").patch(target))
    assert project.calls == TARGETS
    assert "it does not\nfit" in LOG.read_text(), "the whole traceback is in the log"

    started = time.perf_counter()
    project.prune(*TARGETS, method="moody", limits=LIMITS)
    assert project.calls == TARGETS, "failures are kept too, until somebody deletes their records"
    assert time.perf_counter() - started < 1, "no worker was needed"

    project.evaluate(*TARGETS, method="moody", limits=LIMITS)
    for target in BAD_CELLS:
        pruned, evaluated = prune_record(project, target), evaluation_record(project, target)
        assert (evaluated.status, evaluated.reason) == (pruned.status, pruned.reason)
        assert evaluated.measurements == []
    for target in GOOD_CELLS:
        evaluated = evaluation_record(project, target)
        assert evaluated.status == "ok", target
        assert [measured.dataset for measured in evaluated.measurements] == ["text-a"]
    exploded = evaluation_record(project, DIVERGED)
    assert exploded.status == "diverged"
    assert exploded.reason.startswith("perplexity on text-a")
    assert len(exploded.measurements) == 1


def test_what_a_failed_cell_leaves_behind_does_not_change_the_next_one(project: Project) -> None:
    project.method("moody", MOODY)
    project.prune("u36", "u38", "u50", method="moody", limits=LIMITS)
    after_failures = prune_record(project, "u50").patch_sha256
    project.sweep("moody").prune_record("u50").unlink()
    project.prune("u50", method="moody", limits=LIMITS)
    assert prune_record(project, "u50").patch_sha256 == after_failures


NOTES = "note(3); note('cut \\ud83d off')"


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (f"prune_model(model, calibration, target, note): {NOTES}", ""),
        (f"score(weight, inputs, note): {NOTES}; return weight", "model.layers.0.self_attn.q_proj: "),
    ],
)
def test_a_note_may_be_anything(project: Project, function: str, place: str) -> None:
    header = {"title": "T", "family": "f", "patterns": ["dense"], "needs": []}
    project.method("chatty", f"METHOD = {header!r}\n\ndef {function}\n")
    project.prune("u00", method="chatty")
    record = prune_record(project, "u00", "chatty")
    assert (record.status, record.notes[:2]) == ("ok", [f"{place}3", f"{place}cut ? off"])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def score(weight, inputs:\n", "methods/broken.py:1: not valid Python"),
        ("x = 1\n", "methods/broken.py:1: a method file assigns METHOD"),
    ],
)
def test_a_file_that_is_no_method_gives_error_records_without_a_worker(
    project: Project, source: str, reason: str
) -> None:
    project.method("broken", source)
    started = time.perf_counter()
    project.prune("u50", "n2m4", method="broken")
    project.evaluate("u50", "n2m4", method="broken")
    assert time.perf_counter() - started < 2
    for target in ("u50", "n2m4"):
        assert prune_record(project, target, "broken").status == "error"
        assert prune_record(project, target, "broken").reason.startswith(reason)
        assert evaluation_record(project, target, "broken").status == "error"
        assert evaluation_record(project, target, "broken").reason.startswith(reason)


def test_a_method_that_cannot_be_imported_is_an_error_and_its_repair_is_noticed(project: Project) -> None:
    good = (project.root / "methods/good.py").read_text()
    project.method("late", "import no_such_module\n" + good)
    project.prune("u50", method="late")
    record = prune_record(project, "u50", "late")
    assert record.status == "error"
    assert "No module named 'no_such_module'" in record.reason

    project.method("late", good)
    project.prune("u50", method="late")
    assert prune_record(project, "u50", "late").status == "ok"
