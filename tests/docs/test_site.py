"""The documentation builds strictly, without the network, and its generated pages have all there is."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import get_args

import pytest
import typer

from prunebench import layout
from prunebench.cli.app import app
from prunebench.config.paper_metrics import PaperMetric
from prunebench.config.protocols import Protocol
from prunebench.config.registry import ModelSpec, TaskSpec, TextSpec
from prunebench.config.schema import Settings
from prunebench.config.strict import read_yaml
from prunebench.contract.checks import CHECKS
from prunebench.plugins.header import find_methods, read_header
from prunebench.results.expected import expected_pairs
from prunebench.results.records import EvaluationRecord, PruneRecord, Status
from prunebench.results.rows import COLUMNS
from tests.docs.conftest import ROOT

_DERIVED = {"average", "score", "status", "parameters_nonembedding"}  # of papers' tables, worked out from other rows


class _Resources(HTMLParser):
    """The addresses a page loads something from, without anybody following a link."""

    def __init__(self):
        super().__init__()
        self.loaded = []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag != "a":
            self.loaded += [named[key] for key in ("src", "srcset", "href", "data") if named.get(key)]


def text_of(page):
    """What a reader sees of a page, tags left out."""
    return unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_pages_load_nothing_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        resources = _Resources()
        resources.feed(page.read_text(encoding="utf-8"))
        assert resources.loaded
        assert not [address for address in resources.loaded if re.match(r"(https?:)?//", address)], page


def test_styles_load_nothing_from_elsewhere(site):
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import\s*)[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_no_part_is_left_to_generate(site):
    for page in site.rglob("*.html"):
        assert "generate:" not in page.read_text(encoding="utf-8"), page


@pytest.mark.parametrize(
    ("page", "models"),
    [
        ("config", [Settings]),
        ("registries", [Protocol, ModelSpec, TextSpec, TaskSpec]),
        ("results", [PruneRecord, EvaluationRecord]),
    ],
)
def test_every_key_has_a_row(site, page, models):
    html = (site / f"reference/{page}.html").read_text(encoding="utf-8")
    for model in models:
        for key in model.model_fields:
            assert f"<td><code>{key}</code></td>" in html


def test_every_key_is_described(hooks):
    import sections

    roots = [Settings, Protocol, ModelSpec, TextSpec, TaskSpec, PruneRecord, EvaluationRecord]
    for model in sections._with_parts(roots):
        silent = [key for key, what in sections.described(model).items() if not what and key != "kind"]
        assert not silent, f"{model.__name__} says nothing of {', '.join(silent)}"


def test_every_command_and_option_is_there(site):
    text = text_of(site / "reference/commands.html")
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        assert f"prunebench {name}" in text
        for parameter in command.params:
            assert parameter.name in text or any(option in text for option in parameter.opts)


def test_every_method_has_a_section_with_its_parameters(site):
    html = (site / "reference/methods.html").read_text(encoding="utf-8")
    for name, path in find_methods([ROOT / "methods"]).items():
        assert f'id="method-{name}"' in html
        section = html.split(f'id="method-{name}"', 1)[1].split("<h3", 1)[0]
        for parameter in read_header(path).params:
            assert f"<code>{parameter}</code>" in section


def test_every_check_of_the_contract_is_named_with_its_promise(site):
    text = " ".join(text_of(site / "reference/methods.html").split())
    for check in CHECKS:
        assert f"{check.name} {check.promise.replace('`', '')}" in text


def test_every_entry_of_the_registries_is_there(site):
    html = (site / "reference/registries.html").read_text(encoding="utf-8")
    data = read_yaml(ROOT / "config/data.yaml")
    entries = read_yaml(ROOT / "config/models.yaml"), read_yaml(ROOT / "config/protocols.yaml"), *data.values()
    for entry in (name for names in entries for name in names):
        assert f"<code>{entry}</code>" in html


def test_every_column_metric_and_status_is_explained(site):
    html = (site / "reference/results.html").read_text(encoding="utf-8")
    kinds = ("perplexity", "zeroshot", "generation", "speed")
    measured = {metric for pairs in expected_pairs(kinds, ["t"], ["t"], "p").values() for metric, _ in pairs}
    shown = set(get_args(PaperMetric)) - _DERIVED
    for name in {*COLUMNS, *measured, *shown, *get_args(Status), "rank"}:
        assert f"<code>{name}</code>" in html, name


def test_every_place_of_a_result_is_there(site):
    text = text_of(site / "reference/results.html")
    places = [place for place in vars(layout).values() if isinstance(place, str) and place.startswith("results/")]
    assert len(places) > 9
    for place in places:
        assert place.partition("{")[0] in text


def test_every_paper_has_a_page(site):
    for readme in ROOT.glob("papers/*/README.md"):
        assert (site / f"papers/{readme.parent.name}.html").is_file()
