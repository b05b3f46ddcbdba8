"""The papers on structured pruning: their grids, and what their claims say of the papers' own numbers."""

import csv
from functools import partial
from pathlib import Path

import pytest

from prunebench.config.grid import expand
from prunebench.config.paper import load_paper
from prunebench.config.standins import needed_cells
from prunebench.plugins.header import parse_variant, read_header
from prunebench.plugins.unit_settings import UnitSettings
from prunebench.reports.paper.build import build_paper
from prunebench.reports.paper.claims import judge_claims
from prunebench.reports.paper.measured import Value
from tests.papers.shipped import ROOT, STRUCTURED, load_shipped
from tests.papers.test_reference import COUNTS
from tests.reports.paper.small import write_run

METHODS = {
    "dense", "random_units", "magnitude_units", "wanda_sp", "llm_pruner", "flap", "greedy_output", "prunenet",
    "slicegpt", "shortgpt", "laco", "svd_llm", "asvd",
}  # fmt: skip
CONFIGS = [
    path.relative_to(ROOT)
    for paper in STRUCTURED
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
def test_every_model_and_target_of_the_config_is_shown(config: Path) -> None:
    run = load_shipped(config)
    assert run.paper_layout is not None
    needed = needed_cells(run.paper_layout, run.models, run.methods)
    assert {model for model, _, _ in needed} == {*run.models}
    targets = {target for _, _, target in needed} - {"u00"}
    assert targets >= {*run.targets}


@pytest.mark.parametrize("config", [config for config in CONFIGS if config.stem != "embedded"], ids=str)
def test_a_grid_of_the_papers_own_has_every_number_that_the_paper_has_of_its_models(config: Path) -> None:
    """All of the layout's cells but those that only a laptop has: fewer samples than the paper's."""
    run = load_shipped(config)
    layout = run.paper_layout
    assert layout is not None
    grid = {(cell.sweep.model, cell.sweep.method, cell.target) for cell in expand(run).cells}
    shown = {
        (place.model, place.method, place.target)
        for table in layout.tables.values()
        for place in table.needed()
        if place.model in run.models
    }
    assert shown <= grid


@pytest.mark.parametrize("paper", STRUCTURED)
def test_variants_are_named_without_defaults_and_in_order(paper: str) -> None:
    """One cell, one name: what a header has already is not said again, and keys are sorted."""
    run = load_shipped(Path("papers") / paper / "embedded.yaml")
    layout = run.paper_layout
    assert layout is not None
    specs = {*run.methods, *layout.stand_in_methods, *(place.method for place in layout.places)}
    for spec in specs:
        name, values = parse_variant(spec)
        header = read_header(run.method_files[name])
        units = (header.units or UnitSettings()).model_dump() if header.kind == "units" else {}
        defaults = {**header.params, **units, "data": "calibration"}
        assert list(values) == sorted(values), spec
        assert not [key for key, value in values.items() if key in defaults and defaults[key] == value], spec


@pytest.mark.parametrize("paper", STRUCTURED)
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


@pytest.mark.parametrize("paper", STRUCTURED)
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


@pytest.mark.parametrize("paper", STRUCTURED)
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
