"""What the prose says exists: its links lead somewhere, and its commands are commands."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from prunebench.cli.app import app
from prunebench.config.schema import Settings
from prunebench.targets import Target
from tests.docs.conftest import ROOT

_FOLDERS = ("docs", "papers", ".github")
PAGES = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *(page for folder in _FOLDERS for page in (ROOT / folder).rglob("*.md")))
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```(?:sh|console|bash)?\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:prunebench|make|snakemake) [^`]+)`")


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(text):
    """The anchors of a page's headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page):
    """The commands of a page, from shell blocks and from inline code, without comments."""
    text = read(page)
    lines = [line for block in _SHELL.finditer(text) for line in block["code"].replace("\\\n", " ").splitlines()]
    lines += _INLINE.findall(_FENCE.sub("", text))
    for line in lines:
        for part in re.split(r"&&|\||;", re.split(r"\s#\s|^#", line)[0]):
            try:
                words = shlex.split(part.removeprefix("$ "))
            except ValueError:
                continue  # half a sentence of a method's docstring
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words and words[0] in ("prunebench", "make", "snakemake"):
                yield words


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_files_of_the_repository(page):
    for link in _LINK.finditer(_FENCE.sub("", read(page))):
        if re.match(r"[a-z]+:", link["path"]):
            continue
        target = (ROOT / page).parent / link["path"] if link["path"] else ROOT / page
        assert target.exists(), f"{page}: {link[0]}"
        # Within docs/ MkDocs looks at anchors, those of generated parts too.
        if link["anchor"] and target.suffix == ".md" and page.parts[0] != "docs":
            assert link["anchor"] in anchors(target.read_text(encoding="utf-8")), f"{page}: {link[0]}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_commands_and_their_options_exist(page):
    known = typer.main.get_command(app).commands
    targets = set(re.findall(r"^([a-z][\w-]*):", read("Makefile"), re.MULTILINE))
    for program, *words in commands(page):
        shown = f"{page}: {program} {' '.join(words)}"
        if program == "make":
            assert {word for word in words if re.fullmatch(r"[a-z][\w-]*", word)} <= targets, shown
        elif program == "snakemake":
            check_snakemake(words, shown)
        elif not words[0].startswith("-"):
            assert words[0] in known, shown
            options = {option for parameter in known[words[0]].params for option in parameter.opts} | {"--help", "-h"}
            options |= {option for parameter in known[words[0]].params for option in parameter.secondary_opts}
            assert {word.partition("=")[0] for word in words[1:] if word.startswith("-")} <= options, shown


def check_snakemake(words, shown):
    """The config files are there, the overridden keys are keys, and the targets are targets."""
    if "--configfile" in words:
        named = words[words.index("--configfile") + 1]
        assert named == "config/mine.yaml" or "<" in named or (ROOT / named).is_file(), shown
    if "--config" in words:
        for word in words[words.index("--config") + 1 :]:
            if word.startswith("-"):
                break
            key, _, value = word.partition("=")
            assert key in Settings.model_fields, shown
            for token in value.split(",") if key == "targets" else ():
                Target.parse(token)


def test_the_readme_names_every_page_for_people():
    shown = read("README.md")
    guides = [page for page in PAGES if page.parts[:2] in (("docs", "how-to"), ("docs", "tutorial"))]
    assert guides
    for page in guides:
        assert f"({Path(page).as_posix()}" in shown
