"""The YAML that how-to guides ask people to write is accepted as it stands."""

import re

import pytest
import yaml

from prunebench.config.paper import Paper
from prunebench.config.protocols import Protocol
from prunebench.config.registry import DataRegistry, ModelSpec
from prunebench.config.strict import parse, parse_entries
from tests.docs.conftest import ROOT


def examples(page):
    """The YAML blocks of a guide, in order."""
    text = (ROOT / "docs/how-to" / page).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("number", [0, 1])
def test_models(number):
    assert parse_entries(ModelSpec, examples("own-model.md")[number], "own-model.md")


def test_texts_protocols_and_tasks():
    texts, protocol, tasks = examples("own-data.md")
    data = parse(DataRegistry, texts | tasks, "own-data.md")
    (settings,) = parse_entries(Protocol, protocol, "own-data.md").values()
    assert set(settings.perplexity.texts) == set(data.texts)
    assert list(data.tasks) == ["my-task"]


def test_the_layout_of_a_paper():
    (layout,) = examples("own-paper.md")
    paper = parse(Paper, layout, "own-paper.md")
    assert len(list(paper.places)) == 4 + 2  # of the table, and of the claim
