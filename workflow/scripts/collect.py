"""Collect the records of all cells into one tidy table, and what they were made with beside it."""

from pathlib import Path

from prunebench.config.load import load_config
from prunebench.jobscript import job
from prunebench.results.gather import gather

with job(snakemake.log[0]):
    gather(load_config(snakemake.config), Path(snakemake.output.metrics), Path(snakemake.output.provenance))
