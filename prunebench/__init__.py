"""prunebench: a reproducible benchmark and leaderboard for pruning language models.

Data flows one way: config -> cells -> prune -> evaluate -> metrics.csv -> reports.
Importing this package is cheap on purpose: the Snakefile imports it, so torch must stay out of the
modules it needs (`config`, `plugins.header`, `targets`, `layout`).
"""

__version__ = "0.1.0"

# Part of every record's key. Raise it when the engine or an evaluator changes what numbers mean:
# Snakemake cannot see edits to imported modules, so this is how such an edit re-runs the cells.
ENGINE_VERSION = 1
