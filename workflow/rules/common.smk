# The checked config, its grid, and the names files go by; included before the rules.
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

import prunebench.reports
import prunebench.results
from prunebench import ENGINE_VERSION
from prunebench.config import grid, load
from prunebench.cost import words
from prunebench.errors import PrunebenchError
from prunebench.files import check_writable, digest_folder
from prunebench.layout import (
    CALIBRATION,
    EVALUATION_RECORD,
    METRICS,
    MODEL,
    PATCH,
    PROVENANCE,
    PRUNE_RECORD,
    RECOVERY,
    TASK,
    TEXT,
    WINDOWS,
    Sweep,
    sweep_pattern,
)
from prunebench.reports.names import (
    FIGURE_FOLDER,
    LEADERBOARD,
    METHOD_FOLDER,
    TABLE_FOLDER,
    method_names,
    paper_names,
    report_names,
)
from prunebench.results import gather
from prunebench.sweeps import keys

try:
    RUN = load.load_config(config)
    GRID = grid.expand(RUN)
    check_writable(Path())
except PrunebenchError as error:
    raise WorkflowError(str(error)) from None

TRAINED = [name for name, spec in RUN.model_registry.items() if spec.training_text]
FETCHED = [name for name, spec in RUN.model_registry.items() if not spec.training_text]

# Each job parses this file again; the person reads this once.
if workflow.is_main_process:
    logger.info(grid.describe(GRID))
    given = workflow.resource_settings
    logger.info(
        words.outlook(RUN, GRID, given.cores, given.nodes, given.default_resources)
    )


def one_of(names):
    """A wildcard constraint: one of the names, or nothing at all if there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def of_sweep(pattern):
    """An input function: the file of the sweep's protocol, model and seed."""
    return lambda wildcards: pattern.format(**vars(Sweep.parse(wildcards.sweep)))


def evaluation_data(kind):
    """An input function: what one kind of evaluation reads beside model and patch."""
    return lambda wildcards: keys.evaluation_inputs(
        RUN, Sweep.parse(wildcards.sweep), kind
    )


def evaluation_digest(kind):
    """A params function: what decides one kind of evaluation of a sweep, but for its targets and input files."""

    def digest(wildcards):
        sweep = Sweep.parse(wildcards.sweep)
        return keys.evaluate_params(RUN, sweep, kind, GRID.tasks(sweep))

    return digest


def patches_of(chunk):
    """A prune job's patches; temporary if the config says so."""
    patches = update(expand(PATCH, target=chunk.targets, allow_missing=True))
    return patches if RUN.keep_patches else temp(patches)


RECORDS = [path for cell in GRID.cells for path in cell.records]
