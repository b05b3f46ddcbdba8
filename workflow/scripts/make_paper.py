"""Make a paper's tables, figures and claims from the metrics of the run."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.reports.paper.build import build_paper

with job(snakemake.log[0]):
    build_paper(
        Path(snakemake.input.layout).parent,
        Path(snakemake.input.metrics),
        Path(snakemake.input.provenance),
        Path(snakemake.output.page),
    )
