"""Make the page of each method."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.reports.build import build_method_pages

with job(snakemake.log[0]):
    inputs = Path(snakemake.input.metrics), Path(snakemake.input.provenance)
    build_method_pages(*inputs, Path(snakemake.params.folder))
