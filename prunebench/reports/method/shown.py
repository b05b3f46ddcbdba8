"""One cell as its method's page shows it: texts and numbers ready to be put into the page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple, get_args

from markupsafe import Markup

from prunebench.config.schema import Kind
from prunebench.reports.display import off_target
from prunebench.reports.method import wording
from prunebench.reports.method.blocks import Blocks, drawn_blocks
from prunebench.reports.method.cells import PRUNE, CellRows, Step
from prunebench.reports.method.reproduce import Reproduction, reproduce
from prunebench.reports.source import Source
from prunebench.targets import DENSE, Target

_STEPS = (PRUNE, *get_args(Kind))
_LISTED = 200  # so many other measurements of a cell: spectra of many blocks would fill the page

Json = Mapping[str, Any]


class Line(NamedTuple):
    """One measurement; `dense` is the dense model's, empty on its own page."""

    title: str
    value: Markup
    interval: Markup
    rank: str
    dense: Markup
    status: str
    reason: str


class ShownStep(NamedTuple):
    """One step; the numbers are those of its environment and of what it was made from, None where nobody knows."""

    name: str
    status: str
    reason: str
    seconds: str
    memory: str
    environment: int | None
    key: int | None


@dataclass(frozen=True)
class ShownCell:
    """What the template needs; see `CellRows` and `results.entries` for where it comes from.

    Attributes:
        id: where on the page it is, which is also how commands name the cell.
        texts: prompt, the model's text, and the dense model's (empty on its own page).
        removes: the share of the weights that is gone, where the target asks for another.
        unlisted: how many other measurements are left out.
    """

    id: str
    method: str
    target: str
    seed: str
    removes: Markup
    status: str
    reason: str
    lines: list[Line]
    others: list[Line]
    unlisted: int
    steps: list[ShownStep]
    texts: list[tuple[str, str, str]]
    notes: list[str]
    blocks: Blocks | None
    patch: str
    again: Reproduction | None


@dataclass(frozen=True)
class Surroundings:
    """What cells are shown beside.

    Attributes:
        title: what a metric of a dataset is called.
        dense: the dense cells by protocol and model.
        entries: what `provenance.json` has of each cell.
    """

    title: Callable[[str, str], str]
    dense: Mapping[tuple[str, str], CellRows]
    entries: Mapping[tuple[str, str, str, str, str], Json]
    provenance: Json

    @classmethod
    def of(cls, source: Source, dense: Mapping[tuple[str, str], CellRows]) -> "Surroundings":
        """Those of a run."""
        entries = {
            (e["protocol"], e["model"], e["method"], e["target"], str(e["seed"])): e
            for e in source.provenance.get("cells", [])
        }
        return cls(cache(partial(wording.title, source)), dense, entries, source.provenance)


def shown_cell(cell: CellRows, around: Surroundings) -> ShownCell:
    """The cell as the page shows it."""
    entry = around.entries.get(cell.key)
    dense = None if cell.target == DENSE.token else around.dense.get((cell.protocol, cell.model))
    status, reason = cell.outcome
    texts = dict(dense.texts) if dense else {}
    lines = _lines(cell, dense, around)
    return ShownCell(
        id=f"{cell.protocol}/{cell.model}/{cell.method}/seed{cell.seed}/{cell.target}",
        method=cell.method,
        target="dense" if cell.target == DENSE.token else Target.parse(cell.target).label,
        seed=cell.seed,
        removes=_removes(cell),
        status=status,
        reason=reason,
        lines=lines[: len(cell.scores)],
        others=lines[len(cell.scores) :][:_LISTED],
        unlisted=max(0, len(cell.others) - _LISTED),
        steps=_steps(cell, entry),
        texts=[(prompt, text, texts.get(prompt, "")) for prompt, text in cell.texts],
        notes=list(entry.get("notes", [])) if entry else [cell.note] * bool(cell.note),
        blocks=drawn_blocks(entry.get("blocks", [])) if entry else None,
        patch=entry.get("patch", "") if entry else "",
        again=_again(entry, around.provenance) if entry else None,
    )


def _removes(cell: CellRows) -> Markup:
    asked = Target.parse(cell.target).sparsity
    found = [
        n.number for n in cell.others if n.metric == "sparsity" and n.status == "ok" and off_target(n.number, asked)
    ]
    return wording.value("sparsity", found[0]) if found else Markup("")


def _lines(cell: CellRows, dense: CellRows | None, around: Surroundings) -> list[Line]:
    """The scores, then all other numbers."""
    of_dense = {(n.metric, n.dataset): n.number for n in (*dense.scores, *dense.others)} if dense else {}
    return [
        Line(
            around.title(number.metric, number.dataset),
            wording.value(number.metric, number.number),
            wording.interval(number),
            wording.rank(cell.ranks.get((number.metric, number.dataset)), number.status),
            wording.value(number.metric, beside)
            if (beside := of_dense.get((number.metric, number.dataset))) is not None
            else Markup(""),
            number.status,
            number.reason,
        )
        for number in (*cell.scores, *cell.others)
    ]


def _steps(cell: CellRows, entry: Json | None) -> list[ShownStep]:
    records = entry["records"] if entry else {}

    def shown(name: str, step: Step) -> ShownStep:
        memory = f"{step.memory_gb:.2f} GB" if step.memory_gb == step.memory_gb else ""
        made_in, made_from = records.get(name, (None, None))
        return ShownStep(name, step.status, step.reason, wording.seconds(step.seconds), memory, made_in, made_from)

    return [shown(name, cell.steps[name]) for name in sorted(cell.steps, key=_STEPS.index)]


def _again(entry: Json, provenance: Json) -> Reproduction | None:
    """None where it is not known what the run's config said."""
    settings = provenance.get("settings", [])
    number = entry["settings"]
    return reproduce(entry, settings[number], provenance["environments"]) if number < len(settings) else None
