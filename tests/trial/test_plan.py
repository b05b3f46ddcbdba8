"""A trial is a small grid: the method, its rivals, one model, one target, one seed."""

from pathlib import Path

import pytest
from snakemake.cli import parse_config

from prunebench.config.grid import expand
from prunebench.config.load import load_config
from prunebench.errors import PrunebenchError
from prunebench.trial.plan import plan_trial
from tests.trial.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("method", "target", "cells"),
    [
        ("sparsegpt", None, ["dense/u00", "sparsegpt/u50", "wanda/u50", "magnitude/u50"]),
        ("sparsegpt@damping=0.1", "n2m4", ["dense/u00", "sparsegpt@damping=0.1/n2m4", "wanda/n2m4", "magnitude/n2m4"]),
        ("wanda", "u70", ["dense/u00", "wanda/u70", "magnitude/u70"]),
        ("flap", None, ["dense/u00", "flap/s20", "wanda_sp/s20", "mag_sp/s20"]),
    ],
)
def test_the_pattern_decides_the_target_and_the_rivals(settings, method: str, target: str | None, cells: list) -> None:
    trial = plan_trial(settings, method, "smollm2-135m", target)
    found = expand(trial.config).cells
    assert [f"{cell.sweep.method}/{cell.target}" for cell in found] == cells
    assert {(cell.sweep.model, cell.sweep.seed, cell.kinds) for cell in found} == {("smollm2-135m", 0, ("perplexity",))}


def test_the_words_for_snakemake_say_the_same_as_the_config(settings) -> None:
    trial = plan_trial(settings, "sparsegpt", "opt-tiny")
    assert trial.overrides["paper"] == ()
    assert trial.config.paper is None
    for key, words in trial.overrides.items() - {("paper", ())}:
        assert tuple(map(str, getattr(trial.config, key))) == words


def test_a_limit_of_time_replaces_the_configs_and_leaves_its_other_limits(settings) -> None:
    settings = {**settings, "limits": {"cell_minutes": 60, "memory_gb": 3}}
    trial = plan_trial(settings, "wanda", "opt-tiny", minutes=10)
    assert (trial.config.limits.cell_minutes, trial.config.limits.memory_gb) == (10, 3)
    said = parse_config(("limits=" + trial.overrides["limits"][0],))["limits"]
    assert load_config({**settings, "limits": {**settings["limits"], **said}}).limits == trial.config.limits
    assert "limits" not in plan_trial(settings, "wanda", "opt-tiny").overrides


def test_a_papers_grid_does_not_cut_the_trial(settings) -> None:
    cells = expand(plan_trial({**settings, "paper": REPOSITORY / "papers/stade"}, "ria", "smollm2-135m").config).cells
    assert [f"{cell.sweep.method}/{cell.target}" for cell in cells] == [
        "dense/u00", "ria/u50", "wanda/u50", "magnitude/u50",
    ]  # fmt: skip


def test_a_method_of_n_m_alone_is_tried_at_2_of_4(settings) -> None:
    source = Path("methods/magnitude.py").read_text()
    Path("methods/pairs.py").write_text(source.replace('["unstructured", "n:m"]', '["n:m"]'))
    assert plan_trial(settings, "pairs", "smollm2-135m").target == "n2m4"


def test_a_method_that_cannot_be_read_is_tried_so_that_its_cell_says_why(settings) -> None:
    Path("methods/broken.py").write_text("METHOD = {")
    trial = plan_trial(settings, "broken", "smollm2-135m")
    assert trial.target == "u50"
    assert "broken" in trial.config.methods


@pytest.mark.parametrize(
    ("method", "model", "target", "message"),
    [
        ("wandaa", "smollm2-135m", None, "unknown method 'wandaa' in methods; did you mean 'wanda'?"),
        ("wanda", "smollm", None, "unknown model 'smollm' in config; did you mean 'smollm2-135m'?"),
        (
            "wanda",
            "smollm2-135m",
            "s20",
            "wanda cannot do s20, which is structured: its patterns are unstructured, n:m",
        ),
        ("wanda", "smollm2-135m", "50", "50"),
        ("dense", "smollm2-135m", None, "dense prunes nothing: every trial shows it"),
        ("wanda@x=1", "smollm2-135m", None, "unknown parameter 'x'"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, method: str, model: str, target: str | None, message: str) -> None:
    with pytest.raises(PrunebenchError, match=message):
        plan_trial(settings, method, model, target)
