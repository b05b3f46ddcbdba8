import csv
import json
import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from prunebench.layout import Sweep
from prunebench.results.cells import CellResult, averaged_tasks
from prunebench.results.collect import collect, write
from prunebench.results.expected import expected_pairs
from prunebench.results.ranking import rank_methods
from prunebench.results.records import (
    CellId,
    EvaluationRecord,
    Loss,
    Measurement,
    PruneRecord,
    Size,
    load_record,
    save_record,
)
from prunebench.sealed import read_sealed, write_sealed_json
from tests.results.example import FAILURES, KINDS, METHODS, MODELS, PROMPT, TARGETS, TASKS, TEXTS, described, make_run

COLUMNS = [
    "model", "method", "family", "origin", "pattern", "target", "sparsity", "seed", "protocol",
    "metric", "dataset", "value", "ci_low", "ci_high", "n", "status", "reason",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def frame(run):
    return run.collect()


def pick(frame, **wanted):
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return frame


def one(frame, **wanted):
    rows = pick(frame, **wanted)
    assert len(rows) == 1, rows
    return rows.iloc[0]


def edit(run, cell, kind, change):
    """Change a record on disk: `change` gets its JSON."""
    path = run.root / (
        cell.sweep.evaluation_record(cell.target, kind) if kind else cell.sweep.prune_record(cell.target)
    )
    record = json.loads(read_sealed(path))
    change(record)
    write_sealed_json(path, record)


def test_every_cell_has_every_metric_exactly_once(run, frame):
    assert list(frame.columns) == COLUMNS
    pairs = [pair for pairs in expected_pairs(KINDS, TEXTS, TASKS, PROMPT).values() for pair in pairs]
    ranks = [("rank", f"{metric}/{dataset}") for metric, dataset in pairs if metric != "continuation"]
    costs = [("sparsity", ""), ("prune_seconds", ""), ("peak_memory_gb", "prune")]
    costs += [pair for kind in KINDS for pair in (("evaluate_seconds", kind), ("peak_memory_gb", kind))]
    cells = {tuple(rows): group for rows, group in frame.groupby(["model", "method", "target", "seed"])}
    assert len(cells) == len(run.cells) == len(MODELS) * (1 + (len(METHODS) - 1) * len(TARGETS))
    for (_, method, _, _), group in cells.items():
        found = list(zip(group["metric"], group["dataset"], strict=True))
        assert sorted(found) == sorted(pairs + costs + ([] if method == "dense" else ranks))


def test_failed_cells_are_empty_and_say_why(frame):
    for (model, method, target, kind), (status, reason) in FAILURES.items():
        rows = pick(frame, model=model, method=method, target=target)
        metrics = {"zeroshot": ["acc", "acc_norm"], "perplexity": ["perplexity"]}
        failed = rows[rows["metric"] != "rank"]
        if kind:
            failed = failed[failed["metric"].isin(metrics[kind]) | (failed["dataset"] == kind)]
        assert set(failed["status"]) == {status}
        assert set(failed["reason"]) == {reason}
        if status != "diverged":
            assert failed[["value", "ci_low", "ci_high", "n"]].isna().all(axis=None)
        others = rows.drop(failed.index)
        others = others[others["metric"] != "rank"]
        assert set(others["status"]) <= {"ok"}


def test_everything_but_ok_has_a_reason(frame):
    assert (frame.loc[frame["status"] != "ok", "reason"].str.len() > 0).all()


def test_values_come_with_intervals_around_them_and_their_number_of_items(frame):
    scored = frame[(frame["metric"].isin(["perplexity", "acc", "acc_norm"])) & (frame["status"] == "ok")]
    assert (scored["ci_low"] <= scored["value"]).all()
    assert (scored["value"] <= scored["ci_high"]).all()
    sizes = {(m, d): set(rows["n"]) for (m, d), rows in scored.groupby(["metric", "dataset"])}
    assert sizes["perplexity", "wiki-sample"] == {10}
    assert sizes["acc", "piqa"] == {40}
    assert sizes["acc_norm", "mean"] == {120}
    assert frame.loc[frame["metric"].isin(["continuation", "sparsity", "prune_seconds"]), "n"].isna().all()


def test_the_perplexity_interval_is_exp_of_the_interval_of_the_losses(run, frame):
    result = next(r for r in run.results() if (r.sweep.method, r.target) == ("wanda", "u50"))
    items = np.array(result.measurement("perplexity", "perplexity", "wiki-sample").items)
    row = one(frame, model=result.sweep.model, method="wanda", target="u50", metric="perplexity", dataset="wiki-sample")
    error = items.std(ddof=1) / np.sqrt(len(items))
    assert row["value"] == pytest.approx(np.exp(items.mean()))
    assert np.log([row["ci_low"], row["ci_high"]]) == pytest.approx(
        [items.mean() - 2.26 * error, items.mean() + 2.26 * error], abs=0.5 * error
    )


def test_the_mean_is_over_tasks(frame):
    rows = pick(frame, model="smollm2-135m", method="wanda", target="u50", metric="acc").set_index("dataset")
    assert rows["value"]["mean"] == pytest.approx(np.mean([rows["value"][task] for task in TASKS]))


def test_a_metric_a_task_does_not_define_has_no_rows_and_the_mean_goes_without_it(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))

    def drop(record):
        record["measurements"] = [
            m for m in record["measurements"] if (m["metric"], m["dataset"]) != ("acc_norm", "piqa")
        ]

    for cell in run.cells:
        edit(run, cell, "zeroshot", drop)
    frame = run.collect()
    assert set(frame["status"]) == {"ok"}
    assert not {("acc_norm", "piqa"), ("rank", "acc_norm/piqa")} & set(
        zip(frame["metric"], frame["dataset"], strict=True)
    )
    rows = pick(frame, metric="acc_norm", method="wanda").set_index("dataset")
    assert rows["value"]["mean"] == pytest.approx(np.mean([rows["value"][task] for task in ("arc_easy", "hellaswag")]))


def test_where_no_task_defines_a_metric_it_has_no_mean_either(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))

    def drop(record):
        record["measurements"] = [m for m in record["measurements"] if m["metric"] == "acc"]

    for cell in run.cells:
        edit(run, cell, "zeroshot", drop)
    frame = run.collect()
    assert pick(frame, metric="acc_norm").empty
    assert set(frame["status"]) == {"ok"}


def test_a_kind_that_failed_everywhere_keeps_all_its_rows(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    for cell in run.cells:
        edit(run, cell, "zeroshot", lambda record: record.update(status="oom", reason="big", measurements=[]))
    rows = pick(run.collect(), method="wanda", metric="acc_norm")
    assert set(rows["dataset"]) == {"mean", *TASKS}
    assert set(rows["status"]) == {"oom"}


def test_a_cell_that_lacks_a_task_others_have_gets_no_mean(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    edit(run, run.cells[1], "zeroshot", lambda record: record["measurements"].pop(0))
    rows = pick(run.collect(), metric="acc", target="u50").set_index("dataset")
    assert rows["status"]["piqa"] == rows["status"]["mean"] == "error"
    assert pd.isna(rows["value"]["mean"])
    assert "evaluate this cell again" in rows["reason"]["piqa"]
    assert rows["status"]["arc_easy"] == "ok"


def with_some_tasks(tmp_path):
    """A run in which Wanda was measured on two of the tasks and magnitude on one."""
    run = make_run(tmp_path, methods=("dense", "wanda", "magnitude"), targets=("u50",), models=("opt-tiny",))
    more, some = ("piqa", "arc_easy"), ("arc_easy",)
    run.cells[1:] = [replace(run.cells[1], tasks=more), replace(run.cells[2], tasks=some)]
    return run, more, some


def test_cells_of_a_papers_grid_have_rows_of_their_tasks_and_a_mean_over_those_that_all_have(tmp_path):
    run, more, some = with_some_tasks(tmp_path)
    averaged = averaged_tasks(run.results(), of_paper=True)
    assert averaged == set(some)
    frame = collect(run.results(), run.methods, run.expected, averaged)
    rows = {method: pick(frame, metric="acc", method=method).set_index("dataset") for method in ("dense", "wanda")}
    assert set(rows["dense"].index) == {"mean", *TASKS}
    assert set(rows["wanda"].index) == {"mean", *more}
    assert set(pick(frame, metric="acc", method="magnitude")["dataset"]) == {"mean", *some}
    for of_method in rows.values():
        assert of_method["value"]["mean"] == pytest.approx(np.mean([of_method["value"][task] for task in some]))
    assert set(pick(frame, metric="rank", dataset="acc/mean")["n"]) == {2}


def test_a_method_measured_on_fewer_tasks_has_no_mean_and_takes_nobody_elses(tmp_path):
    run, _, _ = with_some_tasks(tmp_path)
    run.cells[1] = replace(run.cells[1], tasks=())
    averaged = averaged_tasks(run.results())
    assert averaged is None
    frame = collect(run.results(), run.methods, run.expected, averaged)
    means = pick(frame, metric="acc", dataset="mean").set_index("method")
    assert means["n"]["dense"] == means["n"]["wanda"] == 40 * len(TASKS)
    assert (means["status"]["magnitude"], means["reason"]["magnitude"]) == (
        "ok", "no mean: not measured on piqa, hellaswag"
    )  # fmt: skip
    assert pd.isna(means["value"]["magnitude"])
    ranked = pick(frame, metric="rank", dataset="acc/mean")
    assert set(ranked["method"]) == {"wanda"}
    assert set(pick(frame, metric="rank", dataset="acc/arc_easy")["n"]) == {2}


def test_means_are_over_the_tasks_of_the_dense_row_where_others_have_more(tmp_path):
    run, more, _ = with_some_tasks(tmp_path)
    run.cells[:2] = [replace(run.cells[0], tasks=more), replace(run.cells[1], tasks=())]
    averaged = averaged_tasks(run.results())
    assert averaged == set(more)
    means = pick(collect(run.results(), run.methods, run.expected, averaged), metric="acc", dataset="mean")
    assert means.set_index("method")["n"].dropna().to_dict() == {"dense": 80, "wanda": 80}


def test_ranks_are_those_of_the_paired_test_on_the_losses(run, frame):
    results = [r for r in run.results() if (r.sweep.model, r.target) == ("smollm2-135m", "u50")]
    losses = {r.sweep.method: np.array(r.measurement("perplexity", "perplexity", "wiki-sample").items) for r in results}
    rows = pick(frame, model="smollm2-135m", target="u50", metric="rank", dataset="perplexity/wiki-sample")
    for _, row in rows.iterrows():
        expected = rank_methods(losses)[row["method"]]
        assert (row["value"], row["ci_low"], row["ci_high"]) == (expected.rank, expected.best, expected.worst)
        assert row["n"] == len(METHODS) - 1
    assert "dense" not in set(rows["method"])
    assert "random" in set(rows["method"])


def test_failed_methods_rank_last_and_inapplicable_ones_not_at_all(frame):
    rows = pick(frame, metric="rank", dataset="perplexity/wiki-sample", model="opt-tiny")
    failed = one(rows, method="sparsegpt", target="u70")
    others = rows[(rows["target"] == "u70") & (rows["method"] != "sparsegpt")]
    assert failed["value"] == 1 + len(others) > others["value"].max()
    assert failed["status"] == "error"
    inapplicable = one(rows, method="stade", target="u60")
    assert inapplicable["status"] == "na"
    assert pd.isna(inapplicable["value"])
    diverged = one(frame, metric="rank", dataset="perplexity/wiki-sample", method="magnitude", target="u70",
                   model="smollm2-135m")  # fmt: skip
    assert diverged["value"] == len(METHODS) - 1


def test_where_all_methods_fail_none_is_first(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "random"), targets=("u50",), models=("opt-tiny",))
    for cell in run.cells[1:]:
        edit(run, cell, None, lambda record: record.update(status="timeout", reason="too slow"))
    ranks = pick(run.collect(), metric="rank")
    assert len(ranks) == 20
    assert ranks["value"].isna().all()


def test_methods_measured_on_different_items_are_not_ranked(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "random"), targets=("u50",), models=("opt-tiny",))
    edit(run, run.cells[1], "perplexity", lambda record: record["measurements"][0]["items"].pop())
    rows = pick(run.collect(), metric="rank", dataset="perplexity/wiki-sample")
    assert rows["value"].isna().all()
    assert set(rows["reason"]) == {"not ranked: the methods were not measured on the same items"}


def test_a_diverged_perplexity_keeps_a_finite_value_and_loses_an_infinite_one(tmp_path, frame):
    row = one(frame, model="smollm2-135m", method="magnitude", target="u70", metric="perplexity", dataset="wiki-sample")
    assert row["status"] == "diverged"
    assert row["value"] > 1e5
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    # A record that calls an infinite value ok is not believed.
    edit(run, run.cells[1], "perplexity", lambda record: record["measurements"][0].update(value="Infinity"))
    row = one(run.collect(), method="wanda", metric="perplexity", dataset="wiki-sample")
    assert row["status"] == "diverged"
    assert pd.isna(row["value"])


def test_remarks_on_the_pruning_are_kept(frame):
    row = one(frame, model="opt-tiny", method="sparsegpt", target="u60", metric="sparsity")
    assert (row["status"], row["reason"]) == ("ok", "damping raised to 0.1 in 2 layers")


def test_a_model_that_became_smaller_has_its_size(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("s20",), models=("opt-tiny",))
    path = tmp_path / run.cells[-1].sweep.prune_record("s20")
    record = load_record(path, PruneRecord)
    size = Size(parameters=900, embeddings=100, dense_parameters=1000, dense_embeddings=100, pruned_heads=3)
    save_record(path, record.model_copy(update={"sparsity": record.sparsity.model_copy(update={"size": size})}))
    assert load_record(path, PruneRecord).sparsity.size == size
    frame = run.collect()
    found = {(row.metric, row.dataset): row.value for row in pick(frame, method="wanda").itertuples()}
    assert found["parameters", ""] == 900
    assert found["effective_sparsity", ""] == pytest.approx(0.1)
    assert found["effective_sparsity", "without embeddings"] == pytest.approx(1 / 9)
    assert found["pruned_heads", ""] == 3
    assert one(frame, method="dense", metric="parameters")["value"] == 1000
    assert one(frame, method="dense", metric="pruned_heads")["value"] == 0
    assert set(pick(frame, method="dense", metric="effective_sparsity")["value"]) == {0}


def test_the_reference_gate_empties_the_model(run):
    frame = run.collect({"opt-tiny": {"laptop-512": {"wiki-sample": 3.0}}})
    assert set(pick(frame, model="opt-tiny")["status"]) == {"rejected"}
    assert pick(frame, model="opt-tiny")["value"].isna().all()
    assert "ok" in set(pick(frame, model="smollm2-135m")["status"])


def test_a_variant_is_described_as_its_method(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda@nsamples=32", "wanda"), targets=("u50",), models=("opt-tiny",))
    assert set(pick(run.collect(), method="wanda@nsamples=32")["family"]) == {"unstructured"}


def test_the_order_of_the_cells_does_not_matter(run, frame, tmp_path):
    shuffled = run.results()
    random.Random(0).shuffle(shuffled)
    write(frame, tmp_path / "a.csv")
    write(collect(shuffled, run.methods, run.expected), tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_the_file_reads_back_exactly(frame, tmp_path):
    write(frame, tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert len(read) == len(frame)
    for line, (_, row) in zip(read, frame.iterrows(), strict=True):
        for column, text in line.items():
            if pd.isna(row[column]):
                assert text == ""
            elif isinstance(row[column], str):
                assert text == row[column]
            else:
                assert float(text) == row[column]


def test_seeds_are_ranked_apart(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "random"), targets=("u50",), models=("opt-tiny",), seeds=(0, 1))
    ranks = pick(run.collect(), metric="rank", dataset="perplexity/wiki-sample")
    assert sorted(zip(ranks["seed"], ranks["method"], ranks["value"], ranks["n"], strict=True)) == [
        (0, "random", 2, 2), (0, "wanda", 1, 2), (1, "random", 2, 2), (1, "wanda", 1, 2),
    ]  # fmt: skip


def speed_result(target, status="ok", reason=""):
    method = "dense" if target == "u00" else "flap"
    cell = CellId(model="opt-tiny", method=method, target=target, seed=0, protocol="laptop-512")
    faster = np.array([1.3, 1.2, 1.25, 9.0, 1.22, 1.21, 1.27])
    found = [
        Measurement(metric="prefill_speedup", dataset="", value=float(np.median(faster)), items=faster.tolist()),
        Measurement(metric="flops", dataset="", value=1e9),
        Measurement(metric="decode_tokens_per_second", dataset="dense", value=40.0, items=[40.0] * 7),
    ]
    speed = EvaluationRecord(
        cell=cell, kind="speed", status=status, reason=reason, key={}, measurements=found if status == "ok" else []
    )
    prune = PruneRecord(cell=cell, status="ok", key={})
    return CellResult(Sweep(cell.protocol, cell.model, method, 0), target, prune, {"speed": speed})


def test_speeds_are_medians_with_intervals_and_without_ranks():
    pairs = {"speed": [("prefill_speedup", ""), ("flops", ""), ("decode_tokens_per_second", "dense")]}
    results = [speed_result("u00"), speed_result("s20"), speed_result("s30", "timeout", "too slow")]
    frame = collect(results, {name: described(name) for name in ("dense", "flap")}, pairs)
    row = one(frame, target="s20", metric="prefill_speedup")
    assert (row["value"], row["ci_low"], row["ci_high"], row["n"]) == (1.25, 1.2, 9.0, 7)
    assert pd.isna(one(frame, target="s20", metric="flops")["n"])
    assert one(frame, target="s20", metric="decode_tokens_per_second", dataset="dense")["n"] == 7
    failed = one(frame, target="s30", metric="prefill_speedup")
    assert (failed["status"], failed["reason"]) == ("timeout", "too slow")
    assert failed[["value", "ci_low", "ci_high", "n"]].isna().all()
    assert "rank" not in set(frame["metric"])


def test_of_a_cell_timed_on_another_machine_only_what_is_of_no_machine_is_left():
    pairs = {"speed": [("prefill_speedup", ""), ("flops", ""), ("decode_tokens_per_second", "dense")]}
    results = [speed_result("u00"), replace(speed_result("s20"), elsewhere="timed on another machine")]
    frame = collect(results, {name: described(name) for name in ("dense", "flap")}, pairs)
    rows = frame[frame["target"] == "s20"].set_index("metric")
    assert rows["value"]["prefill_speedup"] == 1.25
    assert rows["value"]["flops"] == 1e9
    gone = rows.loc["decode_tokens_per_second"]
    assert (gone["status"], gone["reason"]) == ("ok", "timed on another machine")
    assert gone[["value", "ci_low", "ci_high", "n"]].isna().all()
    assert one(frame, target="u00", metric="decode_tokens_per_second")["value"] == 40.0


def test_the_curve_of_recovery_fine_tuning_has_a_row_for_each_point(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    path = tmp_path / next(cell for cell in run.cells if cell.target == "u50").sweep.prune_record("u50")
    record = load_record(path, PruneRecord)
    losses = [Loss(step=0, validation=3.5), Loss(step=1, train=3.25, validation=3.0)]
    save_record(path, record.model_copy(update={"losses": losses}))
    frame = run.collect()
    found = frame[frame["metric"].isin(["train_loss", "validation_loss"])]
    rows = [tuple(row) for row in found[["method", "target", "metric", "dataset", "value"]].itertuples(index=False)]
    assert rows == [
        ("wanda", "u50", "train_loss", "1", 3.25),
        ("wanda", "u50", "validation_loss", "0", 3.5),
        ("wanda", "u50", "validation_loss", "1", 3.0),
    ]
