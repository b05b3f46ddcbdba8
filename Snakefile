# The whole run: config -> assets -> tokens -> prune -> evaluate -> metrics -> pages.
# Logic is in the package `prunebench`; here is only what depends on what.
from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/outputs.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/requests.smk"
include: "workflow/rules/assets.smk"
include: "workflow/rules/tokens.smk"
include: "workflow/rules/prune.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


if RUN.paper:

    include: "workflow/rules/paper.smk"


localrules:
    all,


# The leaves are listed beside the aggregates: only so does Snakemake make a deleted leaf again.
rule all:
    default_target: True
    input:
        RECORDS,
        METRICS,
        PROVENANCE,
        TABLES,
        FIGURES,
        LEADERBOARD,
        METHOD_PAGES,
        PAPER.page,
        PAPER.files,
    message:
        "All cells and reports are there"
