"""Measure one sweep's cells with one kind of evaluation; a cell that fails leaves a record that says so."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.sweeps.jobs import evaluate_sweep

log = Path(snakemake.log[0])
with job(str(log)):
    targets = [Path(record).parent.name for record in snakemake.output]
    sweep, kind = snakemake.wildcards.sweep, snakemake.params.kind
    evaluate_sweep(snakemake.config, sweep, kind, targets, log, snakemake.resources.attempt)
