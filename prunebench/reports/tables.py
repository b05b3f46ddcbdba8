"""Tables for papers: methods by targets, one per panel, as booktabs LaTeX and as CSV."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean, stdev

from prunebench.files import replacing, write_text
from prunebench.reports.display import STATUS_MEANINGS, STATUS_WORDS, Metric, split_number
from prunebench.reports.latex import escape
from prunebench.reports.names import remove_stale
from prunebench.reports.panels import DENSE_METHOD, Entry, Panel, panels
from prunebench.reports.source import Source
from prunebench.results.summary import SEVERITY
from prunebench.targets import DENSE, Target

_HEADINGS = {"unstructured": "Unstructured", "n:m": "N:M", "structured": "Structured"}
_LINES, _WIDTH = 30, 12  # as many methods and targets as a page holds and can be read on it
_COLUMNS = ("value", "ci_low", "ci_high", "rank", "status")


def write_tables(source: Source, folder: Path, announced: Iterable[str] = ()) -> list[str]:
    """Write `<name>.tex` and `<name>.csv` of every panel; returns the names. Tables of earlier grids go.

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
    """The panel as a table float, or as several if it has more methods or targets than fit on a page.

    Needs the packages `booktabs` and `adjustbox` and T1 fonts. Several seeds are shown as mean and standard
    deviation. Bold is what has the first rank at every seed, unless no method of the column has another one.
    """
    decided = {target: _decided(panel.column(target)) for target in panel.targets}
    parts = [
        (methods, targets) for methods in _batches(panel.methods, _LINES) for targets in _batches(panel.targets, _WIDTH)
    ]
    caption, label = _caption(source, panel), re.sub(r"[^A-Za-z0-9._@=-]", "-", panel.name)
    lines = [r"% Needs \usepackage{booktabs,adjustbox} and \usepackage[T1]{fontenc}."]
    for number, (methods, targets) in enumerate(parts, start=1):
        of_all = f" Part {number} of {len(parts)}." if len(parts) > 1 else ""
        lines += [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}{of_all}}}",
            rf"\label{{tab:{label}{f'-{number}' if number > 1 else ''}}}",  # the first is what a text refers to
            r"\smallskip",
            r"\begin{adjustbox}{max width=\linewidth}",
            *_tabular(source, panel, methods, targets, decided),
            r"\end{adjustbox}",
            r"\end{table}",
        ]
    return "\n".join([*lines, ""])


def _batches(names: Sequence[str], size: int) -> list[Sequence[str]]:
    """So many at a time; one empty batch if there are none."""
    return [names[start : start + size] for start in range(0, len(names), size)] or [[]]


def _tabular(
    source: Source, panel: Panel, methods: Sequence[str], targets: Sequence[str], decided: Mapping[str, bool]
) -> list[str]:
    width = max(1, len(targets))
    lines = [
        " & ".join([
            escape(source.title("methods", method)),
            *(_cell(panel.at(method, target), decided[target], panel.how) for target in targets),
        ]) + r" \\"
        for method in methods
    ]  # fmt: skip
    dense = escape(source.title("methods", DENSE_METHOD))
    return [
        rf"\begin{{tabular}}{{l{'r' * width}}}",
        r"\toprule",
        *_head(targets, panel.how),
        r"\midrule",
        rf"{dense} & \multicolumn{{{width}}}{{c}}{{{_shown(panel.dense, panel.how)}}} \\",
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
        return [rf"Method & {measure} \\"]
    groups, rules, column = [], [], 2
    for pattern, members in groupby(targets, key=lambda token: Target.parse(token).pattern):
        width = len(list(members))
        groups.append(rf"\multicolumn{{{width}}}{{c}}{{{_HEADINGS[pattern]}}}")
        rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
        column += width
    labels = [escape(Target.parse(token).label.removesuffix(" structured")) for token in targets]
    return [rf"{measure} & {' & '.join(groups)} \\", "".join(rules), rf"Method & {' & '.join(labels)} \\"]


def _decided(column: Sequence[Entry]) -> bool:
    """Whether some finished method has another rank than the first."""
    return any(entry.place > 1 for entry in column if entry.status == "ok")


def _cell(entries: Sequence[Entry], decided: bool, metric: Metric) -> str:
    best = decided and len(entries) > 0 and all(entry.place == 1 for entry in entries)
    return rf"\textbf{{{_shown(entries, metric)}}}" if best else _shown(entries, metric)


def _shown(entries: Sequence[Entry], metric: Metric) -> str:
    """The value over the seeds, or the worst status; a dash where the grid has no such cell."""
    if not entries:
        return "--"
    failed = [entry.status for entry in entries if entry.status != "ok"]
    if failed:
        worst = next(status for status in SEVERITY if status in failed)
        share = f" {len(failed)}/{len(entries)}" if len(entries) > 1 else ""
        return rf"{{\footnotesize\itshape {STATUS_WORDS[worst]}{share}}}"
    numbers = [entry.number for entry in entries]
    text = _number(fmean(numbers), metric)
    return text if len(numbers) == 1 else rf"{text} {{\scriptsize$\pm$ {_number(stdev(numbers), metric)}}}"


def _number(value: float, metric: Metric) -> str:
    mantissa, power = split_number(value, metric)
    return rf"{mantissa}\,$\times10^{{{power}}}$" if power else mantissa


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
        "Bold methods share the first rank: a paired test does not separate them; if it separates none, none is bold",
        *(f"\\emph{{{STATUS_WORDS[s]}}}: {STATUS_MEANINGS[s]}" for s in SEVERITY if s != "ok" and s in found),
    ]
    return ". ".join(sentences) + "."
