"""Make the tables of the run."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.reports.build import build_tables

with job(snakemake.log[0]):
    outputs = [Path(path) for path in snakemake.output]
    metrics, provenance = Path(snakemake.input.metrics), Path(snakemake.input.provenance)
    build_tables(metrics, provenance, outputs[0].parent, {path.stem for path in outputs})
