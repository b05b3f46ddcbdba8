"""A paper's tables, figures and claims as one LaTeX document, with what was run on its first page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import prunebench
from prunebench.config.paper import Paper
from prunebench.reports.display import STATUS_WORDS
from prunebench.reports.floats import document, inputs
from prunebench.reports.latex import breakable, escape
from prunebench.reports.paper.claims import FAILS, HOLDS, TIED, UNKNOWN, Verdict
from prunebench.reports.paper.filling import Filled
from prunebench.reports.paper.framing import Plotted
from prunebench.reports.paper.prose import PROBLEMS, problems_tex
from prunebench.reports.source import Source

_HOW_TO_READ = (
    "Every table and figure has the paper's own layout. In a table our value is the large one; small below it stands "
    "the published value as printed, and how far ours is from it where both measure the same.",
    "In a figure a colour and a marker are a method: solid lines and full markers are ours, dashed lines and open "
    "markers are published numbers. Where the paper's text has no numbers behind a figure, only ours are drawn.",
    r"Where the paper's model was not run, a smaller one stands in for it, once per table, and is named: \emph{here: "
    r"\dots}. Then orderings can be compared, numbers cannot, and no difference is given.",
    r"\emph{not run} means that the cell is not in the grid of this run; every other word in place of a number says "
    "why there is none.",
)


def paper_tex(
    source: Source,
    paper: Paper,
    tables: Sequence[Filled],
    figures: Sequence[Plotted],
    verdicts: Sequence[Verdict],
    readme: str,
) -> str:
    """The document; it puts in the tables, figures and claims that lie beside it. `readme` is the paper's, or empty."""
    body = [
        r"\captionsetup{labelformat=empty,labelsep=none}",  # they begin with the paper's own numbers
        r"\begin{center}",
        rf"{{\Large\bfseries {escape(paper.title)}\par}}",
        r"\medskip",
        rf"{escape(paper.cite)}\par",
        r"\medskip",
        rf"Measured again with prunebench {escape(prunebench.__version__)}, every value beside the published one\par",
        r"\end{center}",
        r"\section*{What was run}",
        *_described(_run(source, tables, figures)),
        r"\section*{How to read it}",
        *_itemized(_HOW_TO_READ),
    ]
    if verdicts:
        body += [r"\clearpage", r"\section*{What the paper claims}", _count(verdicts), *inputs(["claims"])]
    if tables:
        body += [r"\clearpage", r"\section*{Tables}", *inputs([filled.name for filled in tables])]
    if figures:
        body += [r"\clearpage", r"\section*{Figures}"]
        body += [line for plotted in figures for line in _figure(plotted)]
    if problems := problems_tex(readme):
        body += [r"\clearpage", rf"\section*{{{PROBLEMS}}}", r"\sloppy", *problems]
    return document(paper.title, body)


def _run(source: Source, tables: Sequence[Filled], figures: Sequence[Plotted]) -> Iterator[tuple[str, str]]:
    """What the numbers were measured with, as (what, words); plain text."""
    known = source.provenance
    protocol = known.get("protocols", {}).get(source.protocol, {})
    yield "Protocol", ": ".join(filter(None, [source.protocol, str(protocol.get("title", ""))]))
    if settings := _settings(protocol):
        yield "Calibration and text", settings
    models = source.ordered("models", source.metrics["model"])
    yield "Models", "; ".join(_named(source, model) for model in models)
    if stand_ins := _stand_ins(tables, figures):
        yield "Stand-ins", "; ".join(f"{ours} for {', '.join(asked)}" for ours, asked in stand_ins.items())
    statuses: Mapping[str, int] = known.get("statuses", {})
    words = ", ".join(f"{count} {STATUS_WORDS.get(status, status)}" for status, count in statuses.items())
    hours = sum(known.get("seconds", {}).values()) / 3600
    yield "Cells", f"{len(known.get('cells', ()))} ({words}), {hours:.1f} hours of computing"
    for environment in known.get("environments", []):
        yield f"{environment.get('records', '')} records", _environment(environment)


def _named(source: Source, model: str) -> str:
    title = source.title("models", model)
    return model if title == model else f"{model} ({title})"


def _settings(protocol: Mapping[str, Any]) -> str:
    calibration, perplexity = protocol.get("calibration", {}), protocol.get("perplexity", {})
    parts = []
    if calibration:
        samples, tokens = calibration.get("nsamples"), calibration.get("seqlen")
        parts.append(f"{samples} samples of {tokens} tokens of {calibration.get('text')}")
    if perplexity:
        parts.append(f"perplexity on {', '.join(perplexity.get('texts', ()))}")
        parts += [f"windows of {perplexity['window']} tokens"] if "window" in perplexity else []
    return ", ".join(parts)


def _stand_ins(tables: Sequence[Filled], figures: Sequence[Plotted]) -> dict[str, list[str]]:
    """By model, text, task or method of the run, those of the paper that it is shown for."""
    found: dict[str, dict[str, None]] = {}
    for filled in tables:
        for (_, asked), ours in filled.stand_ins.items():
            found.setdefault(ours, {})[asked] = None
    for plotted in figures:
        if plotted.model not in ("", plotted.figure.model):
            found.setdefault(plotted.model, {})[plotted.figure.model] = None
    return {ours: list(asked) for ours, asked in found.items()}


def _environment(environment: Mapping[str, Any]) -> str:
    """One environment in which records were made."""
    sha, dirty = environment.get("git_sha"), environment.get("git_dirty")
    machine = [
        environment.get("gpu") or environment.get("cpu"),
        f"{environment.get('cores')} cores",
        environment.get("os"),
    ]
    packages = [f"{name} {environment[name]}" for name in ("torch", "transformers", "lm_eval") if environment.get(name)]
    code = f"commit {str(sha)[:12]}{' with uncommitted changes' if dirty else ''}" if sha else "no commit known"
    return "; ".join([code, ", ".join(str(part) for part in machine if part), ", ".join(packages)])


def _count(verdicts: Sequence[Verdict]) -> str:
    counts = {word: sum(verdict.word == word for verdict in verdicts) for word in (HOLDS, FAILS, TIED, UNKNOWN)}
    words = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return rf"Of {len(verdicts)} claims, a claim on each model by itself: {words}.\par"


def _figure(plotted: Plotted) -> list[str]:
    figure = plotted.figure
    behind = "" if plotted.has_published else " The paper's text has no numbers for it, so only ours are drawn."
    return [
        r"\begin{figure}",
        r"\centering",
        rf"\includegraphics{{{plotted.name}.pdf}}",
        rf"\caption{{{escape(figure.title)} of the paper: {escape(figure.caption.rstrip('.'))}.{behind}}}",
        r"\end{figure}",
    ]


def _described(pairs: Iterator[tuple[str, str]]) -> list[str]:
    items = [rf"\item[{{{escape(what)}}}] {breakable(words)}" for what, words in pairs]
    return [r"\begin{description}", r"\raggedright", *items, r"\end{description}"]


def _itemized(sentences: Sequence[str]) -> list[str]:
    return [r"\begin{itemize}", *(rf"\item {sentence}" for sentence in sentences), r"\end{itemize}"]
