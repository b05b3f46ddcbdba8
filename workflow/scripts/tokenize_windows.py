"""Cut one text into evaluation windows of one model's tokens."""

from pathlib import Path

from prunebench.config.load import load_config
from prunebench.data.tokenise import tokenise_windows
from prunebench.jobscript import job

with job(snakemake.log[0]):
    settings = load_config(snakemake.config).protocol_spec.perplexity
    tokenise_windows(
        Path(snakemake.output[0]),
        Path(snakemake.input.model).parent,
        Path(snakemake.input.text).parent,
        **settings.model_dump(exclude={"texts"}),
    )
