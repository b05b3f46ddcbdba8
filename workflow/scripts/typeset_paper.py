"""Make the PDF of a paper's document."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.reports.typesetting import typeset

with job(snakemake.log[0]):
    typeset(Path(snakemake.input.document), Path(snakemake.output[0]))
