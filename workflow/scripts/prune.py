"""Prune one sweep's cells; a cell that fails leaves a record that says so."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.sweeps.jobs import prune_sweep

log = Path(snakemake.log[0])
with job(str(log)):
    targets = [Path(record).stem for record in snakemake.output.records]
    prune_sweep(snakemake.config, snakemake.wildcards.sweep, targets, log, snakemake.resources.attempt)
