"""A published number must be the one that a trial of the very same cell gives."""

from pathlib import Path

import pytest

from prunebench.layout import PUBLISHED
from prunebench.results.published.publication import read_publication
from prunebench.review.contradiction import contradiction
from prunebench.trial.outcome import Line, Outcome
from prunebench.trial.plan import Trial
from tests.results.published.conftest import Project


@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (1.005, False), (0.9, True), (1.1, True)])
def test_a_published_perplexity_is_held_against_the_trials(published: Project, factor: float, told: bool) -> None:
    config = published.config
    cell = next(
        cell
        for cell in read_publication(published.file("wanda")).cells
        if cell.sweep.method == "wanda" and cell.sweep.model == config.models[0] and cell.prune.status == "ok"
    )
    trial = Trial("wanda", cell.target, {}, config)
    value = cell.measurement("perplexity", "perplexity", trial.text).value
    line = Line("wanda", "Wanda", 1, 1, 1, value * factor, None, None, None, None, None, "ok", "")
    said = contradiction(Path(PUBLISHED), trial, Outcome("", (line,), "", False))
    assert bool(said) == told
    if told:
        assert "wanda.jsonl says a perplexity of" in said


def test_what_is_not_published_contradicts_nothing(published: Project) -> None:
    published.file("wanda").unlink()
    assert contradiction(Path(PUBLISHED), Trial("wanda", "u50", {}, published.config), Outcome("", (), "", False)) == ""
