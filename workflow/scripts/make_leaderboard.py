"""Make the leaderboard page."""

from pathlib import Path

from prunebench.jobscript import job
from prunebench.reports.build import build_leaderboard

with job(snakemake.log[0]):
    build_leaderboard(Path(snakemake.input.metrics), Path(snakemake.input.provenance), Path(snakemake.output[0]))
