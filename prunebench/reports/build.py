"""Entry points of the report rules: from `metrics.csv` and `provenance.json` to files under `reports/`."""

from collections.abc import Iterable
from pathlib import Path

from prunebench.files import write_text
from prunebench.reports.figures import write_figures
from prunebench.reports.leaderboard import leaderboard
from prunebench.reports.method.page import method_pages
from prunebench.reports.names import FIGURE_FOLDER, LEADERBOARD, METHOD_FOLDER, TABLE_FOLDER, remove_other_pages
from prunebench.reports.source import Source
from prunebench.reports.tables import write_tables


def build_all(metrics_csv: Path, provenance: Path, folder: Path, announced: Iterable[str] = ()) -> Path:
    """Write tables, figures and pages into `folder`, laid out as `reports/` is; returns the leaderboard.

    Args:
        announced: tables that are written even if there is nothing to show.
    """
    build_tables(metrics_csv, provenance, folder / Path(TABLE_FOLDER).name, announced)
    build_figures(metrics_csv, provenance, folder / Path(FIGURE_FOLDER).name)
    build_method_pages(metrics_csv, provenance, folder / Path(METHOD_FOLDER).name)
    page = folder / Path(LEADERBOARD).name
    build_leaderboard(metrics_csv, provenance, page)
    return page


def build_tables(metrics_csv: Path, provenance: Path, folder: Path, announced: Iterable[str] = ()) -> list[str]:
    """Write all tables into `folder` as `<name>.tex` and `<name>.csv`; returns the names.

    Tables of earlier grids are removed; `announced` ones are written even if there is nothing to show.
    """
    return write_tables(_of_one_protocol(metrics_csv, provenance), folder, announced)


def _of_one_protocol(metrics_csv: Path, provenance: Path) -> Source:
    source = Source.read(metrics_csv, provenance)
    source.protocol  # noqa: B018  raises if there are several
    return source


def build_figures(metrics_csv: Path, provenance: Path, folder: Path) -> list[str]:
    """Write all figures into `folder` as `<name>.pdf`, `.svg` and `.png`; returns the names."""
    return write_figures(_of_one_protocol(metrics_csv, provenance), folder)


def build_leaderboard(metrics_csv: Path, provenance: Path, page: Path) -> None:
    """Write the leaderboard, one HTML file."""
    write_text(page, leaderboard(Source.read(metrics_csv, provenance)))


def build_method_pages(metrics_csv: Path, provenance: Path, folder: Path) -> list[str]:
    """Write a page per method, without variants, into `folder` as `<name>.html`; returns the names.

    Pages of methods that are no longer there go.
    """
    names = []
    for name, page in method_pages(Source.read(metrics_csv, provenance)):
        write_text(folder / f"{name}.html", page)
        names.append(name)
    remove_other_pages(folder, names)
    return names
