"""Ideas are read, put into the prompt, and code is taken out of replies as it is."""

import hashlib
from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.generate.prompt import TEMPLATE, Idea, extract_code, make_prompt, read_ideas
from prunebench.plugins.header import NAME, NEEDS
from tests.generate.replies import REPLIES

PROJECT = Path(__file__).parents[2]
TEMPLATES = {"method-1": "5955a97b88c3fd2545f812ea1e474a704599b51536633f401b81991074191be9"}


def test_a_template_is_never_edited() -> None:
    found = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in TEMPLATE.parent.iterdir()}
    assert found == TEMPLATES, "records name templates: leave method-1.txt as it is, add method-2.txt and its hash here"
    assert TEMPLATE.stem in TEMPLATES


def test_the_shipped_ideas_are_the_ten() -> None:
    ideas = read_ideas(PROJECT / "config/ideas.yaml")
    assert len(ideas) == 10
    assert all(NAME.fullmatch(f"llm_{idea.slug}_0") for idea in ideas)


def test_two_ideas_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ideas.yaml"
    path.write_text("ideas: [{name: L1 norm, idea: a}, {name: L1-Norm, idea: b}]")
    with pytest.raises(PrunebenchError, match="'L1-Norm' and 'L1 norm' would be one method"):
        read_ideas(path)


def test_the_prompt_holds_the_idea_and_every_need() -> None:
    prompt = make_prompt(Idea(name="My {idea}", idea="Prune {braces}."))
    assert "My {idea}" in prompt
    assert "Prune {braces}." in prompt
    assert "{{" not in prompt
    assert all(need in prompt for need in NEEDS if need not in ("attention", "block_io"))


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("good", "block 1 of 1"),
        ("two", "block 2 of 2"),
        ("nothing", "no code in the reply"),
        ("bare", "the whole reply"),
        ("cut", "block 1 of 1, which has no end"),
    ],
)
def test_where_the_code_is_found(reply: str, found: str) -> None:
    extracted = extract_code(REPLIES[reply])
    assert extracted.found == found
    assert extracted.code in REPLIES[reply]
    assert bool(extracted.code) == (reply != "nothing")
