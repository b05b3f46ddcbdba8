"""The board: everything people look at, made from published results alone."""

from pathlib import Path

from prunebench.config.load import Config
from prunebench.layout import METRICS, PROVENANCE
from prunebench.reports.build import build_all
from prunebench.reports.names import report_names
from prunebench.results.gather import no_search_for_loops, outcome, write_collected
from prunebench.results.published.board import published_runs


def build_board(config: Config, published: Path, out: Path) -> list[str]:
    """Write a board per protocol: metrics, tables, figures and pages.

    Numbers of different protocols share no page: the board of the config's protocol is `out` itself, those of others
    are folders of their names in it.

    Returns:
        For each board, how many cells ended how and where its page is, as one line.

    Raises:
        PrunebenchError: `published_runs` says why.
    """
    boards = []
    with no_search_for_loops():
        runs = published_runs(config, published)
        for protocol, (run, cells) in runs.items():
            folder = out if protocol == config.protocol else out / protocol
            metrics, provenance = folder / Path(METRICS).name, folder / Path(PROVENANCE).name
            write_collected(run, cells, metrics, provenance, published=True)
            names = report_names(run.models, run.protocol_spec.perplexity.texts, run.zeroshot_tasks, run.evaluate)
            page = build_all(metrics, provenance, folder, names.tables)
            boards.append(f"{protocol}: {outcome(provenance)}; see {page}")
    return boards
