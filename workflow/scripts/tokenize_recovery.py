"""Draw the sequences that recovery fine-tuning validates and trains on, of one text, model and seed."""

from pathlib import Path

from prunebench.config.load import load_config
from prunebench.data.tokenise import tokenise_recovery
from prunebench.jobscript import job

# Another stream than that of the calibration sequences, which may be drawn from the same text.
OFFSET = 1_000_003

with job(snakemake.log[0]):
    settings = load_config(snakemake.config).protocol_spec.calibration
    tokenise_recovery(
        Path(snakemake.output[0]),
        Path(snakemake.input.model).parent,
        Path(snakemake.input.text).parent,
        seed=int(snakemake.wildcards.seed) + OFFSET,
        validation=snakemake.params.validation,
        training=snakemake.params.training,
        seqlen=settings.seqlen,
        selection=settings.selection,
    )
