"""Make the tables of the run."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.reports.build import build_tables

with job(snakemake.log[0]):
    outputs = [Path(path) for path in snakemake.output.tables]
    metrics, provenance = Path(snakemake.input.metrics), Path(snakemake.input.provenance)
    build_tables(metrics, provenance, Path(snakemake.output.document).parent, {path.stem for path in outputs})
