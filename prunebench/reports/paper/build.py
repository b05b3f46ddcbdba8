"""Entry point of the rule `make_paper`: from `metrics.csv` to a paper's tables, figures, claims and page."""

from functools import partial
from pathlib import Path

from prunebench.config.paper import README_FILE, load_paper
from prunebench.files import write_text
from prunebench.reports.figures import save_figure
from prunebench.reports.names import PAPER_DOCUMENT
from prunebench.reports.paper.claims import describe, judge_claims
from prunebench.reports.paper.document import paper_tex
from prunebench.reports.paper.drawing import draw, plot_figures
from prunebench.reports.paper.filling import fill_tables
from prunebench.reports.paper.measured import Measured
from prunebench.reports.paper.page import paper_page
from prunebench.reports.paper.tex import claims_tex, table_tex
from prunebench.reports.paper.tidy import write_claims, write_figure, write_table
from prunebench.reports.source import Source


def build_paper(folder: Path, metrics_csv: Path, provenance: Path, page: Path) -> None:
    """Write `page`, and in the folder of its name beside it all tables (`.tex`, `.csv`), figures and claims.

    There too is `paper.tex`, a document of all these.

    Raises:
        PrunebenchError: the layout, a file of published numbers or the metrics cannot be read.
    """
    source = Source.read(metrics_csv, provenance)
    written = source.metrics.loc[source.metrics["origin"] == "llm", "method"]
    paper = load_paper(folder).with_written(source.ordered("methods", written))
    measured, files = Measured(source), page.with_suffix("")
    tables = fill_tables(paper, folder, measured, source)
    figures = plot_figures(paper, folder, measured)
    verdicts = judge_claims(paper, folder, measured)
    for filled in tables:
        write_text(files / f"{filled.name}.tex", table_tex(source, filled))
        write_table(filled, files / f"{filled.name}.csv")
    for plotted in figures:
        save_figure(partial(draw, source, plotted), files, plotted.name)
        write_figure(plotted, files / f"{plotted.name}.csv")
    write_claims(verdicts, files / "claims.csv")
    write_text(files / "claims.tex", claims_tex(verdicts))
    write_text(files / "claims.txt", describe(paper.title, verdicts) + "\n")
    readme = folder / README_FILE
    prose = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    write_text(files / PAPER_DOCUMENT, paper_tex(source, paper, tables, figures, verdicts, prose))
    write_text(page, paper_page(source, paper, tables, figures, verdicts))
