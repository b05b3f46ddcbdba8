"""Fetch one text of the registry and split it into documents."""

from pathlib import Path

from prunebench.assets.texts import materialise_text
from prunebench.config.load import load_config
from prunebench.jobscript import job

with job(snakemake.log[0]):
    name = snakemake.wildcards.text
    spec = load_config(snakemake.config).data.texts[name]
    materialise_text(name, spec, Path(snakemake.output[0]).parent)
