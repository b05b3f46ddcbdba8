"""Fetch the items of one zero-shot task of the registry."""

from pathlib import Path

from prunebench.assets.tasks import materialise_task
from prunebench.config.load import load_config
from prunebench.jobscript import job

with job(snakemake.log[0]):
    name = snakemake.wildcards.task
    spec = load_config(snakemake.config).data.tasks[name]
    materialise_task(name, spec, Path(snakemake.output[0]).parent)
