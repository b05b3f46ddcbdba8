"""Tables of several texts and tasks, of sizes and speeds, and what stands in for methods and data."""

import csv
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from prunebench.config.paper import Paper, load_paper
from prunebench.config.paper_metrics import Quantity
from prunebench.config.paper_parts import Reference
from prunebench.config.standins import needed_cells, needed_tasks
from prunebench.errors import PrunebenchError
from prunebench.reports.paper.build import build_paper
from prunebench.reports.paper.claims import Verdict, judge_claims
from prunebench.reports.paper.curves import PlottedCurves
from prunebench.reports.paper.drawing import draw, plot_figures
from prunebench.reports.paper.measured import Measured
from prunebench.reports.paper.published import read_published
from prunebench.reports.source import Source
from tests.reports.paper.small import write_paper, write_run
from tests.reports.paper.structured import FULL, LAYOUT, PUBLISHED, ROWS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("paper")
    page = root / "reports" / "small.html"
    build_paper(write_paper(root / "small", LAYOUT, PUBLISHED), *write_run(root / "run", ROWS), page)
    return page.with_suffix("")


def cells(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {(line["row"], line["column"]): line for line in csv.DictReader(file)}


def test_each_column_has_its_text_or_task_and_its_own_accuracy(built: Path) -> None:
    found = cells(built / "accuracies.csv")
    assert [found["Fast", name]["ours"] for name in ("Main", "PTB", "PIQA", "BoolQ")] == ["25.0", "50.0", "0.4", "0.6"]


def test_an_average_is_the_mean_of_its_tasks_each_in_its_own_accuracy(built: Path) -> None:
    found = cells(built / "accuracies.csv")
    assert float(found["Fast", "Ave"]["ours"]) == pytest.approx((0.4 + 0.6) / 2)
    broken = found["Fast, tuned", "Ave"]  # one of its tasks failed
    assert (broken["ours"], broken["status"], broken["reason"]) == ("", "error", "no items")
    assert found["Dense", "Ave"]["status"] == "not run"


def test_percentages_without_their_sign_are_compared_as_percentages(built: Path) -> None:
    found = cells(built / "accuracies.csv")
    piqa, boolq, ppl = (found["Fast", name] for name in ("PIQA", "BoolQ", "Main"))
    assert (piqa["published"], float(piqa["difference"])) == ("80.00 (95%)", pytest.approx(-0.5))
    assert (boolq["published"], float(boolq["difference"])) == ("60.0%", pytest.approx(0))
    assert float(ppl["difference"]) == pytest.approx(0.25)  # a perplexity is no percentage
    assert float(found["Fast", "Ave"]["difference"]) == pytest.approx((0.5 - 0.7) / 0.7, rel=1e-4)


def test_a_text_that_stands_in_is_named_and_never_compared(built: Path) -> None:
    cell = cells(built / "accuracies.csv")["Fast", "PTB"]
    assert (cell["dataset"], cell["shown_dataset"], cell["published"], cell["difference"]) == (
        "ptb", "other", "40.0", "",
    )  # fmt: skip
    text = (built / "accuracies.tex").read_text()
    assert text.count("here: other") == 1
    assert "other stands in for ptb" in text
    assert "here: other" in built.with_suffix(".html").read_text()


def test_a_variant_that_stands_in_is_named_and_never_compared(built: Path) -> None:
    cell = cells(built / "accuracies.csv")["Fast, tuned", "Main"]
    assert (cell["method"], cell["shown_method"], cell["ours"], cell["difference"]) == (FULL, "fast@lora=8", "15.0", "")
    text = (built / "accuracies.tex").read_text().replace(r"\allowbreak{}", "")
    assert "fast@lora=8 stands in for fast@lora=8000" in text


def test_a_row_of_published_numbers_needs_and_shows_nothing_of_ours(built: Path) -> None:
    cell = cells(built / "accuracies.csv")["Elsewhere", "BoolQ"]
    assert (cell["ours"], cell["published"], cell["status"]) == ("", "55.5", "not run")
    needed = needed_cells(Paper.model_validate(LAYOUT), ["real"], ["dense", "fast", "fast@lora=8", "copied@from=there"])
    assert {method for _, method, _ in needed} == {"dense", "fast", "fast@lora=8"}


def test_sizes_speeds_and_times(built: Path) -> None:
    found = cells(built / "sizes.csv")
    sparsity, flops = found["20%", "effective_sparsity"], found["20%", "flops"]
    assert (float(sparsity["ours"]), float(sparsity["difference"])) == (pytest.approx(0.1), pytest.approx(-0.5))
    assert float(flops["difference"]) == pytest.approx(1.5 / 1.18 - 1, rel=1e-4)
    assert float(found["20%", "prune_seconds"]["difference"]) == pytest.approx(0.2)
    assert (found["20%", "parameters"]["published"], found["20%", "parameters"]["difference"]) == ("6.7B", "")
    failed = found["30%", "effective_sparsity"]
    assert (failed["ours"], failed["status"], failed["reason"]) == ("", "oom", "too large")
    text = (built / "sizes.tex").read_text()
    for shown in ("900 ", r"10.00\\", r"1.50\,$\times10^{13}$", r"30.00\\", r"12.00\\"):
        assert shown.strip() in text


def test_speed_is_a_kind_of_evaluation_of_its_own() -> None:
    needed = needed_cells(Paper.model_validate(LAYOUT), ["real"], ["fast", "fast@lora=8", "slow"])
    assert needed["real", "fast", "s30"] == {"speed"}
    assert needed["real", "fast", "s20"] == {"speed", "perplexity", "zeroshot"}
    assert needed["real", "slow", "s20"] == {"zeroshot"}  # a claim


def test_a_cell_gets_the_tasks_that_are_shown_of_it() -> None:
    layout = deepcopy(LAYOUT)
    layout["tables"]["accuracies"]["columns"] = [{"title": "BoolQ", "metric": "acc", "dataset": "boolq"}]
    layout["figures"], layout["claims"] = {}, []
    paper, run = Paper.model_validate(layout), (["real"], ["dense", "fast"], ["boolq", "piqa"])
    assert needed_tasks(paper, *run) == {("real", "dense", "u00"): {"boolq"}, ("real", "fast", "s20"): {"boolq"}}
    layout["stand_in_data"] = {"boolq": "other"}  # of which the run has another
    stands_in = Paper.model_validate(layout)
    assert needed_tasks(stands_in, *run[:2], ["other", "piqa"])["real", "fast", "s20"] == {"other"}
    layout["tables"]["accuracies"]["columns"] = [{"title": "Ave", "metric": "average"}]
    assert needed_tasks(Paper.model_validate(layout), *run)["real", "fast", "s20"] == {"boolq", "piqa"}
    layout["tables"]["accuracies"]["columns"] = [{"title": "Mean over all", "metric": "acc"}]
    assert needed_tasks(Paper.model_validate(layout), *run)["real", "fast", "s20"] == {"boolq", "piqa"}


def judge(tmp_path: Path, **claim: Any) -> Verdict:
    layout = deepcopy(LAYOUT)
    layout["claims"] = [{**layout["claims"][0], **claim}]
    folder = write_paper(tmp_path / "small", layout, PUBLISHED)
    (verdict,) = judge_claims(load_paper(folder), folder, Measured(Source.read(*write_run(tmp_path, ROWS))))
    return verdict


def test_a_claim_may_be_about_an_average(tmp_path: Path) -> None:
    verdict = judge(tmp_path, order="fast > fast@lora=4")
    assert (verdict.word, verdict.points[0].numbers) == ("does not hold", "fast 50.00, fast@lora=4 50.00")
    assert judge(tmp_path / "own").in_paper == "does not hold"  # 70 against 71


def test_a_claim_may_be_about_a_text(tmp_path: Path) -> None:
    verdict = judge(tmp_path, order=f"{FULL} < fast", metric="perplexity", dataset="main", tasks={})
    assert (verdict.word, verdict.in_paper) == ("holds", "holds")
    assert verdict.points[0].numbers == "fast@lora=8 15.00, fast 25.00"  # what stands in is named


def test_the_dense_model_is_compared_at_every_target(tmp_path: Path) -> None:
    verdict = judge(tmp_path, order="fast > dense", metric="decode_tokens_per_second", tasks={})
    assert (verdict.word, verdict.in_paper) == ("holds", "holds")


def test_a_speedup_is_of_one_run_here_and_of_two_printed_speeds_in_the_paper(tmp_path: Path) -> None:
    verdict = judge(tmp_path, order="fast << dense", metric="decode_speedup", tasks={}, factor=1.5)
    assert (verdict.word, verdict.in_paper) == ("holds", "does not hold")  # 0.5 and 1; 20 / 12.5 and 1


def plotted(tmp_path: Path) -> tuple[PlottedCurves, PlottedCurves, Source]:
    folder = write_paper(tmp_path / "small", LAYOUT, PUBLISHED)
    source = Source.read(*write_run(tmp_path, ROWS))
    samples, losses = plot_figures(load_paper(folder), folder, Measured(source))
    return samples, losses, source


def test_a_curve_may_run_over_a_number_in_the_method(tmp_path: Path) -> None:
    samples, _, source = plotted(tmp_path)
    (axes,) = draw(source, samples).axes
    ours = axes.get_lines()[0]
    assert (list(ours.get_xdata()), list(ours.get_ydata())) == ([4], [pytest.approx(50.0)])  # 8 failed
    assert (axes.get_xscale(), axes.get_yscale(), axes.get_xlabel()) == ("log", "linear", "samples")
    assert axes.get_ylabel() == "average accuracy (%)"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4"]


def test_a_curve_may_run_over_the_dataset(tmp_path: Path) -> None:
    _, losses, source = plotted(tmp_path)
    (axes,) = draw(source, losses).axes
    assert (list(axes.get_lines()[0].get_xdata()), list(axes.get_lines()[0].get_ydata())) == ([1, 2], [3.0, 2.5])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tables.accuracies.tasks", {}, "an average needs `tasks`"),
        ("tables.accuracies.tasks", {"piqa": "f1"}, "piqa"),
        ("tables.accuracies.cell", {"model": "real", "dataset": "main"}, "dataset is given 2 times (main, main)"),
        ("claims.0.tasks", {}, "an average needs `tasks`"),
        ("claims.0.dataset", "piqa", "metric average has no dataset, but 'piqa' is given"),
        ("claims.0.metric", "status", "metric status cannot be compared"),
        ("figures.samples.targets", ["u10", "u20"], "either `targets` or an `axis`"),
        ("figures.samples.axis", None, "either `targets` or an `axis`"),
        ("figures.samples.tasks", {}, "an average needs `tasks`"),
        ("figures.losses.dataset", "", "series '20%': {x}, the value of the axis, is neither"),
    ],
)
def test_a_wrong_layout_is_refused(tmp_path: Path, path: str, value: Any, message: str) -> None:
    layout = deepcopy(LAYOUT)
    *parents, last = path.split(".")
    part: Any = layout
    for name in parents:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[last] = value
    with pytest.raises(PrunebenchError) as error:
        load_paper(write_paper(tmp_path / "small", layout))
    assert message in str(error.value)


def test_numbers_are_found_by_their_dataset(tmp_path: Path) -> None:
    folder = write_paper(tmp_path / "small", LAYOUT, PUBLISHED)
    published = read_published(folder, [Reference(file="table1.csv", percent=True)])
    assert published.at("real", "fast", "s20", Quantity("perplexity", "ptb")) == "40.0"
    assert published.at("real", "fast", "s20", Quantity("perplexity")) is None
    assert published.number("real", "fast", "s20", Quantity("acc_norm", "piqa")) == pytest.approx(0.8)
