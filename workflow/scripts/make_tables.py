"""Make the tables of the run."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.reports.build import build_tables

with job(snakemake.log[0]):
    build_tables(Path(snakemake.input.metrics), Path(snakemake.input.provenance), Path(snakemake.output[0]).parent)
