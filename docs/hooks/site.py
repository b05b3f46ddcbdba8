"""MkDocs hooks: generated parts of reference pages, and pages from files that lie outside of docs/.

A page of the reference has `<!-- generate: NAME -->` where a part belongs that is read off the code. The files of
`_elsewhere` become pages as they are. Relative links between all of them are those that work in the repository; the
hook turns them into links between pages.
"""

import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

import commands
import method_pages
import registries
import sections
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from prunebench.config.paper import Paper
from prunebench.config.protocols import Protocol
from prunebench.config.registry import ModelSpec, TaskSpec, TextSpec
from prunebench.config.schema import Settings
from prunebench.plugins.header import Header
from prunebench.results.records import EvaluationRecord, PruneRecord
from prunebench.results.rows import Row

ROOT = Path(__file__).parents[2]

PARTS: dict[str, Callable[[], str]] = {
    "commands": commands.commands,
    "settings": lambda: sections.sections(Settings),
    "protocol keys": lambda: sections.sections(Protocol, level=3),
    "source keys": lambda: sections.sections(ModelSpec, TextSpec, TaskSpec, level=3),
    "paper keys": lambda: sections.sections(Paper),
    "header keys": lambda: sections.sections(Header, level=3),
    "columns": lambda: sections.table_of(Row),
    "records": lambda: sections.sections(PruneRecord, EvaluationRecord, level=3),
    "models": registries.models,
    "texts": registries.texts,
    "tasks": registries.tasks,
    "protocols": registries.protocols,
    "methods": method_pages.overview,
    "each method": method_pages.details,
}

_WORKER = """if (location.protocol === "file:") {
  const Native = Worker;
  window.Worker = function () { return new Native(URL.createObjectURL(new Blob([SOURCE]))); };
}
"""
_PLACEHOLDER = re.compile(r"<!-- generate: (.+?) -->")
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")


def _elsewhere() -> dict[str, str]:
    """Files outside of docs/ that are pages here: path in the repository -> page."""
    papers = {f"papers/{folder}/README.md": f"papers/{folder}.md" for folder in _papers()}
    return {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", **papers}


def _papers() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("papers/*/README.md"))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put a page for each paper into the navigation."""
    section = next(entry["Papers"] for entry in config.nav or [] if "Papers" in entry)
    section += [f"papers/{name}.md" for name in _papers()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages whose text lies outside of docs/."""
    for path, page in _elsewhere().items():
        if (ROOT / path).is_file():
            files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the generated parts, and turn links between files of the repository into links between pages."""
    filled = _PLACEHOLDER.sub(lambda match: _part(match[1], page.file.src_uri), markdown)
    return _LINK.sub(lambda match: _relinked(match, page.file.src_uri), filled)


def on_post_build(config: MkDocsConfig) -> None:
    """Let the search work in pages opened from the disk, too.

    Browsers neither read JSON from there nor start a worker from a file. Scripts they do load, and they start a worker
    from its source: so both files of the theme are written as scripts beside the index.
    """
    site = Path(config.site_dir)
    index = (site / "search/search_index.json").read_text(encoding="utf-8")
    (worker,) = site.glob("assets/javascripts/workers/search.*.min.js")
    source = json.dumps(worker.read_text(encoding="utf-8"))
    (site / "search/search_index.js").write_text(f"var __index = {index}", encoding="utf-8")
    (site / "search/worker.js").write_text(_WORKER.replace("SOURCE", source), encoding="utf-8")


def _part(name: str, page: str) -> str:
    if name not in PARTS:
        raise PluginError(f"{page}: there is no part {name!r} to generate; known: {', '.join(PARTS)}")
    return PARTS[name]()


def _relinked(match: re.Match[str], page: str) -> str:
    """A link to a file of the repository as one to its page; only its text where it has none."""
    pages = _elsewhere()
    source = next((path for path, uri in pages.items() if uri == page), f"docs/{page}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["path"]))
    if target in pages:
        uri = pages[target]
    elif target.startswith("docs/"):
        uri = target.removeprefix("docs/")
    elif target == "README.md":
        uri = "index.md"
    elif (ROOT / target).exists():
        return match["text"]
    else:
        return match[0]  # MkDocs names what leads nowhere
    path = posixpath.relpath(uri, posixpath.dirname(page) or ".")
    return f"{match['image']}[{match['text']}]({path}{match['anchor'] or ''})"
