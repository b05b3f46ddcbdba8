"""Tables for papers: methods by targets, one per panel, as booktabs LaTeX and as CSV."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import floor, log10
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from prunebench.files import replacing, write_text
from prunebench.reports.display import STATUS_MEANINGS, STATUS_WORDS, Metric, off_target, split_number
from prunebench.reports.fitting import COLUMN_GAP, TEXT_WIDTH, batches, longest_word, width
from prunebench.reports.floats import document, inputs, table_floats, wrapping
from prunebench.reports.latex import breakable, escape
from prunebench.reports.names import TABLE_DOCUMENT, remove_stale
from prunebench.reports.panels import DENSE_METHOD, Entry, Panel, panels
from prunebench.reports.source import Source
from prunebench.results.summary import SEVERITY
from prunebench.targets import DENSE, Target

_HEADINGS = {"unstructured": "Unstructured", "n:m": "N:M", "structured": "Structured"}
_LINES = 30  # as many methods as a page holds
_TITLE_WIDTH = 150.0  # points after which the names of methods wrap
_NUMBER_WIDTH, _SEVERAL_WIDTH = 46.0, 84.0  # points: of one number, and of a mean with its deviation
_MARK = r"\rlap{\textsuperscript{\textdaggerdbl}}"  # takes no room: points stay below each other
_NAMED = 3  # so many cells are named behind it
_COLUMNS = ("value", "ci_low", "ci_high", "rank", "status")


def write_tables(source: Source, folder: Path, announced: Iterable[str] = ()) -> list[str]:
    """Write `<name>.tex` and `<name>.csv` of every panel, and `all.tex`, a document that shows them all.

    Tables of earlier grids go. Returns the names.

    Args:
        announced: names there shall be files of in any case; one without a panel says that nothing reports it.
    """
    names = []
    for panel in panels(source):
        write_text(folder / f"{panel.name}.tex", latex_table(source, panel))
        with replacing(folder / f"{panel.name}.csv") as temporary, temporary.open("w", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(plain_table(panel))
        names.append(panel.name)
    for name in sorted(set(announced) - set(names)):
        write_text(folder / f"{name}.tex", "% Nothing to show: no cell reports this metric on this dataset.\n")
        write_text(folder / f"{name}.csv", "method,seed\n")
        names.append(name)
    remove_stale(folder, names, (".tex", ".csv"))
    write_text(folder / TABLE_DOCUMENT, document("All tables", inputs(names)))
    return names


def plain_table(panel: Panel) -> list[list[str]]:
    """A header, then a line per method and seed: per target the value, its interval, rank and status."""
    targets = [DENSE.token, *panel.targets]
    header = ["method", "seed"]
    for target in targets:
        header += [target if column == "value" else f"{target}_{column}" for column in _COLUMNS]
    lines = [header]
    for method in [DENSE_METHOD, *panel.methods]:
        by_seed = {(entry.target, entry.seed): entry for target in targets for entry in panel.at(method, target)}
        for seed in sorted({seed for _, seed in by_seed}, key=int):
            line = [method, seed]
            for target in targets:
                entry = by_seed.get((target, seed))
                line += [getattr(entry, column) if entry else "" for column in _COLUMNS]
            lines.append(line)
    return lines


def latex_table(source: Source, panel: Panel) -> str:
    """The panel as a table float, or as several if it has more methods or targets than can be read on a page.

    Needs the packages `array`, `booktabs` and `adjustbox` and T1 fonts. Numbers stand with their points below each
    other, a column's with the decimals that its narrowest interval supports. Several seeds are shown as mean and
    standard deviation. Bold is what no paired test separates from a better one at any seed, unless that is the whole
    column; a second best is not marked, since ties leave none.
    """
    columns = {target: _column(panel, target) for target in panel.targets}
    titles = [source.title("methods", method) for method in (*panel.methods, DENSE_METHOD)]
    left = min(max(map(width, titles)), max(_TITLE_WIDTH, *map(longest_word, titles)))
    widths = [column.width + COLUMN_GAP for column in columns.values()]
    rows = [panel.methods[start : start + _LINES] for start in range(0, len(panel.methods), _LINES)] or [[]]
    parts = [
        _tabular(
            source, panel, methods, {target: columns[target] for target in panel.targets[run.start : run.stop]}, left
        )
        for methods in rows
        for run in batches(widths, TEXT_WIDTH - left - COLUMN_GAP)
    ]
    return table_floats(_caption(source, panel), re.sub(r"[^A-Za-z0-9._@=-]", "-", panel.name), parts)


class _Column(NamedTuple):
    """How the cells at one target are shown.

    Attributes:
        decided: whether a paired test separates some finished method from a better one.
        decimals: of its numbers.
        width: in points, room for a number of any size included.
    """

    decided: bool
    decimals: int
    width: float


def _column(panel: Panel, target: str) -> _Column:
    entries = panel.column(target)
    decided = any(entry.best > 1 for entry in entries if entry.status == "ok")
    several = len({entry.seed for entry in entries}) > 1
    return _Column(decided, _decimals(entries, panel.how), _SEVERAL_WIDTH if several else _NUMBER_WIDTH)


def _decimals(entries: Sequence[Entry], metric: Metric) -> int:
    """So many that the narrowest 95 % interval has two digits on either side, and no more than the metric's."""
    halves = [(entry.high - entry.low) / 2 * metric.scale for entry in entries if entry.status == "ok"]
    narrowest = min((half for half in halves if half > 0), default=0.0)
    return min(metric.decimals, max(0, 1 - floor(log10(narrowest)))) if narrowest else metric.decimals


def _tabular(
    source: Source, panel: Panel, methods: Sequence[str], columns: Mapping[str, _Column], left: float
) -> list[str]:
    shown = max(1, len(columns))
    lines = [
        " & ".join([
            breakable(source.title("methods", method)),
            *(_cell(panel.at(method, target), column, panel.how) for target, column in columns.items()),
        ]) + r" \\"
        for method in methods
    ]  # fmt: skip
    dense = escape(source.title("methods", DENSE_METHOD))
    in_dense = _whole(_shown(panel.dense, panel.how, _decimals(panel.dense, panel.how)))
    return [
        rf"\begin{{tabular}}{{@{{}}{wrapping([left])}{'r@{}l' * shown}@{{}}}}",
        r"\toprule",
        *_head(list(columns), panel.how),
        r"\midrule",
        rf"{dense} & \multicolumn{{{2 * shown}}}{{c}}{{{in_dense}}} \\",
        *([r"\midrule"] if lines else []),
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _head(targets: Sequence[str], metric: Metric) -> list[str]:
    """The metric with an arrow to the better side, the patterns over their targets, the targets."""
    arrow = r"$\downarrow$" if metric.lower_is_better else r"$\uparrow$"
    unit = f" ({escape(metric.unit)})" if metric.unit else ""
    measure = f"{metric.title}{unit} {arrow}"
    if not targets:
        return [rf"Method & {_over(1, measure)} \\"]
    groups, rules, column = [], [], 2
    for pattern, members in groupby(targets, key=lambda token: Target.parse(token).pattern):
        count = len(list(members))
        groups.append(_over(count, _HEADINGS[pattern]))
        rules.append(rf"\cmidrule(lr){{{column}-{column + 2 * count - 1}}}")
        column += 2 * count
    labels = [_over(1, escape(Target.parse(token).label.removesuffix(" structured"))) for token in targets]
    return [rf"{measure} & {' & '.join(groups)} \\", "".join(rules), rf"Method & {' & '.join(labels)} \\"]


def _over(count: int, text: str) -> str:
    """A text over the columns of so many targets, each of which has two: a number's is split at its point."""
    return rf"\multicolumn{{{2 * count}}}{{c}}{{{text}}}"


def _cell(entries: Sequence[Entry], column: _Column, metric: Metric) -> str:
    shown = _shown(entries, metric, column.decimals)
    best = column.decided and len(entries) > 0 and all(entry.best == 1 for entry in entries)
    if isinstance(shown, str):
        return _over(1, shown)
    before, after = (rf"\textbf{{{half}}}" if best and half else half for half in shown)
    return f"{before} & {after}{_MARK if any(map(_is_off, entries)) else ''}"


def _is_off(entry: Entry) -> bool:
    return entry.status == "ok" and off_target(entry.removed, Target.parse(entry.target).sparsity)


def _shown(entries: Sequence[Entry], metric: Metric, decimals: int) -> tuple[str, str] | str:
    """The value over the seeds, before and from its point on; or the worst status, or a dash without such a cell."""
    if not entries:
        return "--"
    failed = [entry.status for entry in entries if entry.status != "ok"]
    if failed:
        worst = next(status for status in SEVERITY if status in failed)
        share = f" {len(failed)}/{len(entries)}" if len(entries) > 1 else ""
        return rf"{{\footnotesize\itshape {STATUS_WORDS[worst]}{share}}}"
    numbers = [entry.number for entry in entries]
    before, after = _number(fmean(numbers), metric, decimals)
    if len(numbers) == 1:
        return before, after
    return before, rf"{after} {{\scriptsize$\pm$ {''.join(_number(stdev(numbers), metric, decimals))}}}"


def _number(value: float, metric: Metric, decimals: int) -> tuple[str, str]:
    mantissa, power = split_number(value, metric, decimals)
    before, point, after = mantissa.partition(".")
    return before, f"{point}{after}" + (rf"\,$\times10^{{{power}}}$" if power else "")


def _whole(shown: tuple[str, str] | str) -> str:
    return shown if isinstance(shown, str) else "".join(shown)


def _caption(source: Source, panel: Panel) -> str:
    entries = [entry for group in panel.entries.values() for entry in group]
    items = max((entry.items for entry in entries if entry.items > 0), default=0)
    seeds = {entry.seed for entry in entries if entry.method != DENSE_METHOD}
    found = {entry.status for entry in entries}
    counted = f", mean over {items:.0f} {'windows' if panel.how.lower_is_better else 'questions'}" if items else ""
    overlap = escape(source.overlap(panel.model, panel.dataset))
    sentences = [
        f"{panel.how.title} of {escape(source.title('models', panel.model))} on "
        rf"{escape(source.title('datasets', panel.dataset))} (protocol \texttt{{{escape(panel.protocol)}}}{counted})",
        *([overlap] if overlap else []),
        *([f"Mean and standard deviation over {len(seeds)} seeds"] if len(seeds) > 1 else []),
        "Bold: a paired test separates it from no better method of its column; if that is true of all, none is bold",
        *(f"\\emph{{{STATUS_WORDS[s]}}}: {STATUS_MEANINGS[s]}" for s in SEVERITY if s != "ok" and s in found),
        *_off_targets(source, [entry for entry in entries if _is_off(entry)]),
    ]
    return ". ".join(sentences) + "."


def _off_targets(source: Source, entries: Sequence[Entry]) -> list[str]:
    """What the mark means, with the first few cells that have it."""
    if not entries:
        return []
    named = dict.fromkeys(
        f"{source.title('methods', entry.method)} {100 * entry.removed:.1f}% for {Target.parse(entry.target).label}"
        for entry in entries
    )
    more = f", and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return [
        rf"\textsuperscript{{\textdaggerdbl}}: removes another share than its target asks for "
        f"({escape(', '.join(list(named)[:_NAMED]) + more)})"
    ]
