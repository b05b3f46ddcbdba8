"""The board of published results has the rows of the run they were published from, and says what no longer holds."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from prunebench.errors import PrunebenchError
from prunebench.reports.build import build_method_pages
from prunebench.reports.panels import panels
from prunebench.reports.source import Source
from prunebench.results.gather import gather, write_collected
from prunebench.results.published.board import CODE_CHANGED, published_runs
from prunebench.results.published.merge import merged
from prunebench.results.published.publication import laid_out, read_publication
from tests.results.published.conftest import VARIANT, Project, rewrite

FOLDER = Path("results/published")


def board(project: Project, folder: Path = Path("board")) -> Source:
    """The published rows of the one protocol, as reports see them."""
    ((config, cells),) = published_runs(project.config, FOLDER).values()
    write_collected(config, cells, folder / "metrics.csv", folder / "provenance.json")
    return Source.read(folder / "metrics.csv", folder / "provenance.json")


def test_the_board_has_exactly_the_rows_of_the_run(published: Project) -> None:
    run = Path("run")
    gather(published.config, run / "metrics.csv", run / "provenance.json")
    board(published)
    assert Path("board/metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()
    rows = pd.read_csv("board/metrics.csv")
    assert {"ok", "diverged", "rejected", "error", "timeout", "oom", "na"} == set(rows["status"])
    assert rows["ci_low"].notna().any()
    assert (rows["metric"] == "rank").any()
    assert (rows["metric"] == "prune_seconds").any()


def test_the_board_is_titled_and_ordered_as_the_run_is(published: Project) -> None:
    run = Path("run/metrics.csv"), Path("run/provenance.json")
    gather(published.config, *run)
    ours, theirs = board(published).provenance, Source.read(*run).provenance
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert differing == set()


def test_ranks_are_taken_over_what_is_published_now(published: Project) -> None:
    published.file("random").unlink()
    ranks = board(published).metrics.query("metric == 'rank'")
    assert "random" not in set(ranks["method"])
    before = pd.read_csv("board/metrics.csv").query("metric == 'rank' and method == 'wanda'")["n"].max()
    published.publish("random")
    after = board(published).metrics.query("metric == 'rank' and method == 'wanda'")["items"].max()
    assert after == before + 1


def test_cells_whose_code_has_changed_are_shown_and_marked(published: Project) -> None:
    (published.root / "methods/wanda.py").write_text(
        (published.root / "methods/wanda.py").read_text().replace("weight.abs()", "(weight.abs() + 0)")
    )
    rows = board(published).metrics.query("metric == 'sparsity'")
    marked = rows[rows["reason"].str.contains(CODE_CHANGED)]
    assert {method.partition("@")[0] for method in marked["method"]} == {"wanda"}
    assert len(marked) == len(rows[rows["method"].str.startswith("wanda")])
    assert (marked["number"].notna() | (marked["status"] != "ok")).all()
    build_method_pages(Path("board/metrics.csv"), Path("board/provenance.json"), Path("board/methods"))
    notice = f"The code has changed since the results of {len(marked)} of {len(marked)} cells were published"
    assert notice in Path("board/methods/wanda.html").read_text()
    assert "The code has changed since" not in Path("board/methods/magnitude.html").read_text()


def test_a_comment_in_the_code_marks_nothing(published: Project) -> None:
    with (published.root / "methods/wanda.py").open("a") as file:
        file.write("\n# Nothing that computes.\n")
    assert not board(published).metrics["reason"].str.contains(CODE_CHANGED).any()


def test_a_failed_cell_keeps_its_reason_beside_the_mark(published: Project) -> None:
    with (published.root / "methods/sparsegpt.py").open("a") as file:
        file.write("\n\nUNUSED = 1\n")
    rows = board(published).metrics.query("metric == 'sparsity' and method == 'sparsegpt' and status == 'error'")
    assert rows["reason"].tolist() == [f"LinAlgError: the Hessian of block 4 is not positive definite; {CODE_CHANGED}"]


def test_a_published_method_without_a_file_is_named(published: Project) -> None:
    (published.root / "methods/wanda.py").unlink()
    config = published.config.model_copy(
        update={"method_files": {k: v for k, v in published.config.method_files.items() if k != "wanda"}}
    )
    with pytest.raises(PrunebenchError, match=r"wanda\.jsonl: there is no method file wanda\.py in methods; restore"):
        published_runs(config, FOLDER)


def test_without_the_dense_model_there_is_nothing_to_compare_with(published: Project) -> None:
    published.file("dense").unlink()
    with pytest.raises(PrunebenchError, match=r"not the dense model.*run prunebench publish dense"):
        published_runs(published.config, FOLDER)


def test_a_text_that_a_variant_was_fine_tuned_on_must_be_registered(published: Project) -> None:
    def tuned(line, number):
        if VARIANT in line.get("cell", ""):
            line["cell"] = line["cell"].replace(VARIANT, "wanda@lora=8,lora_text=nowhere")

    rewrite(published.file("wanda"), tuned)
    with pytest.raises(PrunebenchError, match=r"unknown text 'nowhere' in results/published, protocol 'laptop-512'"):
        published_runs(published.config, FOLDER)


def test_other_data_than_the_dense_row_was_measured_on_is_no_rank(published: Project) -> None:
    def other(line, number):
        if line.get("cell", "").startswith("laptop-512/opt-tiny/"):
            line["evaluations"]["perplexity"]["key"]["dataset:wiki-sample"] = "another text"

    rewrite(published.file("magnitude"), other)
    rows = board(published).metrics.query("metric == 'perplexity' and method == 'magnitude'")
    statuses = rows.groupby("model")["status"].agg(set).to_dict()
    assert statuses["opt-tiny"] == {"rejected"}
    assert "rejected" not in statuses["smollm2-135m"]
    reasons = set(rows.query("model == 'opt-tiny'")["reason"])
    assert reasons == {
        "made from other data of wiki-sample (another text, not data of wiki-sample) than the dense row; numbers of "
        "the two do not compare"
    }


def only_piqa(line, number):
    if number == 0:
        line["tasks"] = {"laptop-512": ["piqa"]}
        return
    record = line["evaluations"]["zeroshot"]
    record["measurements"] = [found for found in record.get("measurements", []) if found["dataset"] == "piqa"]
    record["key"] = {n: d for n, d in record["key"].items() if n not in ("dataset:arc_easy", "dataset:hellaswag")}


def test_a_method_published_with_fewer_tasks_changes_nobody_elses_mean(published: Project) -> None:
    before = board(published).metrics.query("metric == 'acc' and dataset == 'mean'")
    rewrite(published.file("magnitude"), only_piqa)
    source = board(published)
    after = source.metrics.query("metric == 'acc' and dataset == 'mean'")
    others = [rows[rows["method"] != "magnitude"].value.tolist() for rows in (before, after)]
    assert others[0] == others[1]
    lost = after[after["method"] == "magnitude"]
    assert lost["number"].isna().all()
    assert "no mean: not measured on arc_easy, hellaswag" in set(lost["reason"])
    for panel in panels(source):
        if (panel.metric, panel.dataset) == ("acc", "mean"):
            assert not [e for e in panel.column("u50") if e.method == "magnitude"]
            assert [e for e in panel.column("u50") if e.method == "wanda"]


def test_dense_rows_with_different_tasks_are_refused(published: Project) -> None:
    def of_one(line, number):
        if number == 0 or "opt-tiny" in line["cell"]:
            only_piqa(line, number)

    rewrite(published.file("dense"), of_one)
    with pytest.raises(PrunebenchError, match=r"the dense rows of .* have different zero-shot tasks under protocol"):
        published_runs(published.config, FOLDER)


def test_files_of_one_protocol_under_two_settings_are_refused(published: Project) -> None:
    def shorter(line, number):
        if number == 0:
            line["protocols"]["laptop-512"]["perplexity"]["window"] = 256

    rewrite(published.file("magnitude"), shorter)
    with pytest.raises(PrunebenchError, match=r"dense\.jsonl and .*magnitude\.jsonl were published under different"):
        published_runs(published.config, FOLDER)


def test_protocols_stay_apart(published: Project) -> None:
    def renamed(line, number):
        if number == 0:
            line["protocols"] = {"other": line["protocols"]["laptop-512"]}
            line["tasks"] = {"other": line["tasks"]["laptop-512"]}
        else:
            line["cell"] = line["cell"].replace("laptop-512", "other")

    for method in ("dense", "wanda"):
        earlier = read_publication(published.file(method))
        rewrite(published.file(method), renamed)
        both, _ = merged(earlier, read_publication(published.file(method)))
        published.file(method).write_text(laid_out(both))
    runs = published_runs(published.config, FOLDER)
    assert [*runs] == ["laptop-512", "other"]
    assert {cell.sweep.method for cell in runs["other"][1]} == {"dense", "wanda", VARIANT}
    assert {cell.sweep.protocol for cell in runs["laptop-512"][1]} == {"laptop-512"}


def test_a_board_needs_no_torch(published: Project) -> None:
    code = (
        "import sys; sys.argv = ['prunebench', 'board']\n"
        "from prunebench.cli.app import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'torch', 'transformers', 'lm_eval'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=published.root)
    assert found.stdout.splitlines()[-1] == "[]"
    assert (published.root / "reports/board/leaderboard.html").exists()
