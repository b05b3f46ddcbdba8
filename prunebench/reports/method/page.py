"""The page of one method: one HTML file that needs nothing else: no server, no network, no script but for its theme."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

import prunebench
from prunebench.reports.display import STATUS_WORDS
from prunebench.reports.method import wording
from prunebench.reports.method.cells import CellRows, cells_by_method
from prunebench.reports.method.citation import cited
from prunebench.reports.method.highlight import highlighted
from prunebench.reports.method.shown import ShownCell, Surroundings, shown_cell
from prunebench.reports.names import PAGE_MARK
from prunebench.reports.panels import DENSE_METHOD
from prunebench.reports.source import Source
from prunebench.reports.templating import asset, environment
from prunebench.results.expected import MEAN, PERPLEXITY
from prunebench.results.intervals import CONFIDENCE
from prunebench.results.published.board import CODE_CHANGED

_UNFOLDED = 60  # lines of code that are shown at once; more are folded
_COLUMNS = 4  # of the overview of a model's cells: more do not fit

# What a file may not say, or not be there to say.
_UNKNOWN = (
    "title", "family", "origin", "kind", "group", "units", "published", "cite", "doc", "function", "source", "cut",
    "problem", "bibtex", "path",
)  # fmt: skip

Json = dict[str, Any]


@dataclass(frozen=True)
class Overview:
    """All cells of a method on one model: a table with the main scores, then each cell."""

    protocol: str
    model: str
    title: str
    columns: list[str]
    rows: list[tuple[ShownCell, list[Markup]]]
    overlaps: list[str]
    variants: bool
    seeds: bool


def method_pages(source: Source) -> Iterator[tuple[str, str]]:
    """Name without variant and page of every method: of those whose file is known, and of any that has cells."""
    found = cells_by_method(source)
    entries = {entry["name"]: entry for entry in source.provenance.get("method_files", [])}
    dense = {(cell.protocol, cell.model): cell for cell in found.get(DENSE_METHOD, [])}
    around = Surroundings.of(source, dense)
    for name in dict.fromkeys([*entries, *found]):
        entry = {**dict.fromkeys(_UNKNOWN, ""), **entries.get(name, {"unknown": True})}
        yield name, _page(source, name, entry, found.get(name, []), around)


def _page(source: Source, name: str, entry: Json, cells: Sequence[CellRows], around: Surroundings) -> str:
    overviews = [_overview(source, list(group), around) for _, group in groupby(cells, lambda c: c.key[:2])]
    every = [cell for overview in overviews for cell, _ in overview.rows]
    steps = [step for cell in every for step in cell.steps]
    code = entry["source"]
    outdated = [cell for cell in every if any(CODE_CHANGED in text for text in (cell.reason, *cell.notes))]
    statuses: dict[str, int] = {}
    for cell in every:
        statuses[cell.status] = statuses.get(cell.status, 0) + 1
    return environment().get_template("method.html.j2").render(
        mark=Markup(PAGE_MARK),
        name=name,
        entry=entry,
        title=entry["title"] or source.title("methods", name),
        style=asset("page.css") + asset("method.css"),
        citation=cited(entry["bibtex"]),
        known="unknown" not in entry,
        code=highlighted(code),
        outdated=len(outdated),
        cells=len(every),
        folded=code.count("\n") > _UNFOLDED,
        params=_params(entry),
        variants=_variants(source, cells),
        statuses=statuses,
        words=STATUS_WORDS,
        overviews=overviews,
        environments=_numbered(source.provenance.get("environments", []), {step.environment for step in steps}),
        keys=_numbered(source.provenance.get("keys", []), {step.key for step in steps}),
        confidence=CONFIDENCE,
        version=prunebench.__version__,
    )  # fmt: skip


def _params(entry: Json) -> list[tuple[str, str, str]]:
    """Each hyper-parameter with its default and the values it may have."""
    choices, params = entry.get("choices", {}), entry.get("params", {})
    return [(name, str(default), ", ".join(map(str, choices.get(name, [])))) for name, default in params.items()]


def _variants(source: Source, cells: Sequence[CellRows]) -> list[tuple[str, str, int]]:
    """Each variant that was run: how configs name it, its title, its number of cells."""
    counted: dict[str, int] = {}
    for cell in cells:
        counted[cell.method] = counted.get(cell.method, 0) + 1
    return [(spec, source.title("methods", spec), count) for spec, count in counted.items()]


def _overview(source: Source, cells: Sequence[CellRows], around: Surroundings) -> Overview:
    """Of the cells of one protocol and model."""
    protocol, model = cells[0].key[:2]
    scores = dict.fromkeys((score.metric, score.dataset) for cell in cells for score in cell.scores)
    texts = source.ordered("datasets", {dataset for metric, dataset in scores if metric == PERPLEXITY})
    means = [score for score in scores if score[1] == MEAN]
    tasks = [] if means else [score for score in scores if score[0] != PERPLEXITY]
    columns = [*((PERPLEXITY, text) for text in texts), *means, *tasks][:_COLUMNS]
    rows = []
    for cell in cells:
        numbers = {(score.metric, score.dataset): score.number for score in cell.scores}
        main = [wording.value(metric, numbers.get((metric, of), float("nan"))) for metric, of in columns]
        rows.append((shown_cell(cell, around), main))
    return Overview(
        protocol, model, source.title("models", model), [around.title(*column) for column in columns], rows,
        list(filter(None, (source.overlap(model, text) for text in texts))),
        variants=any("@" in cell.method for cell in cells), seeds=len({cell.seed for cell in cells}) > 1,
    )  # fmt: skip


def _numbered(listed: Sequence[Json], used: set[int | None]) -> list[tuple[int, Json]]:
    return [(number, entry) for number, entry in enumerate(listed) if number in used]
