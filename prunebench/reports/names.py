"""The names of all tables, figures and pages of a run. Light: the Snakefile lists its outputs with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prunebench.config.load import DENSE_METHOD
from prunebench.config.paper import README_FILE, REFERENCE_FOLDER, TABLES_FILE, Paper
from prunebench.results.expected import PERPLEXITY, SCORED, expected_pairs

LEADERBOARD = "reports/leaderboard.html"
METHOD_FOLDER = "reports/methods"
TABLE_FOLDER = "reports/tables"
TABLE_DOCUMENT = "all.tex"  # in that folder, beside the tables it puts in
FIGURE_FOLDER = "reports/figures"
PAPER_DOCUMENT = "paper.tex"
PAGE_MARK = '<meta name="generator" content="prunebench, page of a method">'


@dataclass(frozen=True)
class ReportNames:
    """File names without extension under `reports/tables` and `reports/figures`."""

    tables: tuple[str, ...]
    figures: tuple[str, ...]


def report_names(
    models: Iterable[str], texts: Iterable[str], tasks: Iterable[str], kinds: Iterable[str]
) -> ReportNames:
    """One table per model, scored metric and dataset; one figure per model and text."""
    pairs = [pair for group in expected_pairs(kinds, texts, tasks).values() for pair in group if pair[0] in SCORED]
    named = [(model, metric, dataset) for model in models for metric, dataset in pairs]
    return ReportNames(
        tuple(report_name(*name) for name in named),
        tuple(report_name(*name) for name in named if name[1] == PERPLEXITY),
    )


def report_name(model: str, metric: str, dataset: str) -> str:
    """The file name, without extension, of what shows this metric of this model on this dataset."""
    return f"{model}-{metric}-{dataset}"


def method_names(methods: Iterable[str]) -> tuple[str, ...]:
    """The names of the pages of methods: of each without its variant, and of the dense model."""
    return tuple(dict.fromkeys([*(spec.partition("@")[0] for spec in methods), DENSE_METHOD]))


@dataclass(frozen=True)
class PaperNames:
    """The files of a paper's rule: what it reads besides the metrics, and what it writes; nothing without a paper."""

    layout: str = ""
    numbers: tuple[str, ...] = ()
    readme: tuple[str, ...] = ()
    page: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    document: str = ""
    pdf: str = ""


def paper_names(folder: Path | None, paper: Paper | None) -> PaperNames:
    """The page is `reports/papers/<paper>.html`, its files lie in the folder of its name beside it.

    Of them `paper.tex` is the document that has everything, made into `reports/papers/<paper>.pdf` on demand.
    """
    if folder is None or paper is None:
        return PaperNames()
    tables = [f"{name}.{ending}" for name in (*paper.tables, "claims") for ending in ("tex", "csv")]
    figures = [f"{name}.{ending}" for name in paper.figures for ending in ("pdf", "svg", "png", "csv")]
    stem = f"reports/papers/{folder.name}"
    claims, document = f"{stem}/claims.txt", f"{stem}/{PAPER_DOCUMENT}"
    readme = folder / README_FILE
    return PaperNames(
        layout=f"{folder}/{TABLES_FILE}",
        numbers=tuple(f"{folder}/{REFERENCE_FOLDER}/{name}" for name in paper.reference_files),
        readme=(str(readme),) if readme.is_file() else (),
        page=(f"{stem}.html",),
        files=(*(f"{stem}/{name}" for name in (*tables, *figures)), claims, document),
        claims=(claims,),
        document=document,
        pdf=f"{stem}.pdf",
    )


def remove_stale(folder: Path, names: Iterable[str], suffixes: Iterable[str]) -> None:
    """Remove what earlier grids left in a folder of reports: files named like reports, but not one of `names`."""
    kept = set(names)
    for path in folder.iterdir() if folder.is_dir() else ():
        named = any(f"-{metric}-" in path.stem for metric in SCORED)
        if named and path.suffix in suffixes and path.stem not in kept:
            path.unlink()


def remove_other_pages(folder: Path, names: Iterable[str]) -> None:
    """Remove pages of methods that earlier grids left in a folder; without `PAGE_MARK` a file is somebody else's."""
    kept = set(names)
    for path in folder.glob("*.html"):
        if path.stem not in kept and PAGE_MARK.encode() in path.read_bytes():
            path.unlink()
