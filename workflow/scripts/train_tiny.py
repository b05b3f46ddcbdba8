"""Train one of the registry's tiny models on its text."""

from pathlib import Path

from prunebench.assets.models import materialise_model
from prunebench.config.load import load_config
from prunebench.jobscript import job

with job(snakemake.log[0]):
    name = snakemake.wildcards.model
    spec = load_config(snakemake.config).model_registry[name]
    materialise_model(name, spec, Path(snakemake.output[0]).parent, Path(snakemake.input.text).parent)
