"""The names of all tables and figures of a run. Light: the Snakefile lists its outputs with it."""

from collections.abc import Iterable
from dataclasses import dataclass

from prunebench.config.paper import Paper
from prunebench.results.expected import PERPLEXITY, SCORED, expected_pairs


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


def paper_files(paper: Paper) -> list[str]:
    """What `make_paper` writes into the paper's folder below `reports/papers`."""
    tables = [f"{name}.{ending}" for name in (*paper.tables, "claims") for ending in ("tex", "csv")]
    figures = [f"{name}.{ending}" for name in paper.figures for ending in ("pdf", "svg", "png")]
    return [*tables, *figures, "claims.txt"]
