"""The papers on structured pruning: their grids, and what their claims say of the papers' own numbers."""

import csv
from functools import partial
from pathlib import Path

import pytest

from prunebench.config import load as loading
from prunebench.config.grid import expand
from prunebench.config.load import load_config
from prunebench.config.paper import load_paper
from prunebench.config.standins import needed_cells
from prunebench.config.strict import read_yaml
from prunebench.plugins.header import parse_variant
from prunebench.reports.paper.build import build_paper
from prunebench.reports.paper.claims import judge_claims
from prunebench.reports.paper.measured import Value
from tests.papers.shipped import ROOT, UNFINISHED, load_shipped
from tests.papers.test_reference import COUNTS
from tests.reports.paper.small import write_run

METHODS = {
    "dense", "random_sp", "l1_sp", "l2_sp", "wanda_sp", "llm_pruner", "flap", "greedy_output", "prunenet", "slicegpt",
    "shortgpt", "laco", "svd_llm", "asvd",
}  # fmt: skip
CONFIGS = [
    path.relative_to(ROOT)
    for paper in UNFINISHED
    for path in sorted((ROOT / "papers" / paper).glob("*.yaml"))
    if path.name != "tables.yaml"
]


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_grid_has_every_method_of_the_config(config: Path) -> None:
    run = load_shipped(config)
    assert {cell.sweep.method for cell in expand(run).cells} == {*run.methods}


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_all_but_the_methods_is_there(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models, tasks, texts, protocols and targets, before the methods are."""
    monkeypatch.setattr(loading, "_check_method", lambda *args: None)
    run = load_config(read_yaml(config))
    assert run.paper_layout is not None
    needed = needed_cells(run.paper_layout, run.models, run.methods)
    assert {method for _, method, _ in needed} == {*run.methods}
    assert {model for model, _, _ in needed} == {*run.models}
    targets = {target for _, _, target in needed} - {"u00"}
    assert targets >= {*run.targets}


@pytest.mark.parametrize("paper", UNFINISHED)
def test_the_layout_asks_for_methods_of_structured_pruning_only(paper: str) -> None:
    layout = load_paper(ROOT / "papers" / paper)
    specs = [*(place.method for place in layout.places), *layout.stand_in_methods, *layout.stand_in_methods.values()]
    assert {parse_variant(spec)[0] for spec in specs} <= METHODS


class Nothing:
    """A run without any result."""

    models = methods = datasets = frozenset()

    def value(self, *args: object) -> Value:
        return Value()

    def tied(self, *args: object) -> bool:
        return False


REFUTED = {  # claims that the papers' own numbers refute; a claim on several models is judged on its first one
    "greedy-output": {
        "At a higher ratio magnitude yields the better results",
        "On GPT-2 random pruning is weaker than magnitude",
        "With remedy the second-moment metric beats LLM-Pruner with LoRA in perplexity",
        "The recovery lowers the perplexity of the calibrated model",
        "On LLaMA-7B the second-moment metric is at least comparable with FLAP (WikiText2)",
        "Pruning similar heads is better than or comparable with FLAP at 204 heads (WikiText2)",
    },
    "prunenet": {
        "PruneNet beats SliceGPT on LLaMA-2-13B without fine-tuning",
        "A policy learned at 10% serves higher ratios",
        "It makes less than 1% of difference whether the policy is learned on FFN1 or FFN2",
    },
}


@pytest.mark.parametrize("paper", UNFINISHED)
def test_which_claims_the_paper_itself_refutes(paper: str) -> None:
    folder = ROOT / "papers" / paper
    verdicts = judge_claims(load_paper(folder), folder, Nothing())  # type: ignore[arg-type]
    assert {verdict.claim.claim for verdict in verdicts if verdict.in_paper == "does not hold"} == REFUTED[paper]


def test_prunenet_does_not_beat_slicegpt_on_all_models() -> None:
    """By the paper's Tables 21 and 22, against its text."""
    layout, folder = load_paper(ROOT / "papers/prunenet"), ROOT / "papers/prunenet"
    claim = next(
        claim
        for claim in layout.claims
        if claim.claim == "On every model PruneNet keeps more zero-shot accuracy than SliceGPT"
    )
    alone = partial(layout.model_copy, deep=True)
    verdict = {}
    for model in claim.models:
        one = alone(update={"claims": (claim.model_copy(update={"models": (model,)}),)})
        (found,) = judge_claims(one, folder, Nothing())  # type: ignore[arg-type]
        verdict[model] = found.in_paper
    assert [model for model, word in verdict.items() if word == "does not hold"] == ["opt-2.7b", "opt-6.7b"]


@pytest.mark.parametrize("paper", UNFINISHED)
def test_the_page_shows_every_published_number_also_without_a_run_of_ours(paper: str, tmp_path: Path) -> None:
    folder, page = ROOT / "papers" / paper, tmp_path / "out.html"
    build_paper(folder, *write_run(tmp_path / "run"), page)  # of models that neither paper has
    shown = 0
    for name in load_paper(folder).tables:
        with (tmp_path / "out" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        assert {line["status"] for line in lines} == {"not run"}
        shown += sum(bool(line["published"]) for line in lines)
    assert shown == sum(COUNTS[paper].values())
