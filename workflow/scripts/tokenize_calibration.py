"""Draw the calibration sequences of one model and seed."""

from pathlib import Path

from prunebench.config.load import load_config
from prunebench.data.tokenise import tokenise_calibration
from prunebench.jobscript import job

with job(snakemake.log[0]):
    settings = load_config(snakemake.config).protocol_spec.calibration
    tokenise_calibration(
        Path(snakemake.output[0]),
        Path(snakemake.input.model).parent,
        Path(snakemake.input.text).parent,
        seed=int(snakemake.wildcards.seed),
        nsamples=snakemake.params.nsamples,
        seqlen=settings.seqlen,
        selection=settings.selection,
    )
