"""Everything people look at, from the records there are: for a run at work, and for one that ended with failed jobs."""

import os
from pathlib import Path

from prunebench.config.grid import expand
from prunebench.config.load import Config
from prunebench.errors import PrunebenchError
from prunebench.layout import METRICS, PROVENANCE
from prunebench.reports.names import LEADERBOARD, paper_names, report_names
from prunebench.results.gather import gather, outcome

_LONG_AGO = (86400.0, 86400.0)  # not 0, which some tools take for "unknown"


def report_unfinished(config: Config) -> str:
    """Write metrics, tables, figures and pages; a cell without a record is there with status `error`.

    To Snakemake the metrics look older than any record, so its next run collects again, whatever the config then is.

    Returns:
        How many cells ended how, and where the page is, as one line.

    Raises:
        PrunebenchError: there is no record at all.
    """
    from prunebench.reports.build import build_all
    from prunebench.reports.paper.build import build_paper

    if not any(cell.sweep.prune_record(cell.target).exists() for cell in expand(config).cells):
        raise PrunebenchError("no cell of this config has a record yet, so there is nothing to report")
    metrics, provenance = Path(METRICS), Path(PROVENANCE)
    gather(config, metrics, provenance)
    texts = config.protocol_spec.perplexity.texts
    names = report_names(config.models, texts, config.zeroshot_tasks, config.evaluate)
    page = build_all(metrics, provenance, Path(LEADERBOARD).parent, names.tables)
    for paper_page in paper_names(config.paper, config.paper_layout).page:
        assert config.paper is not None
        build_paper(config.paper, metrics, provenance, Path(paper_page))
    for path in (metrics, provenance):
        os.utime(path, _LONG_AGO)
    return f"{outcome(provenance)}; see {page}"
