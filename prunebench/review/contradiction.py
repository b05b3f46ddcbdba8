"""A published number held against the one that a trial has just measured of the very same cell."""

from pathlib import Path

from prunebench.results.expected import PERPLEXITY
from prunebench.results.published.lines import cell_name
from prunebench.results.published.publication import SUFFIX, read_publication
from prunebench.trial.outcome import Outcome
from prunebench.trial.plan import Trial

ROUNDING = 0.01  # relative: machines round differently, and pruning lets that grow


def contradiction(folder: Path, trial: Trial, outcome: Outcome) -> str:
    """How the published perplexity of the trial's cell is not what the trial measured; empty if it is, or neither is.

    Raises:
        PrunebenchError: the published file cannot be read.
    """
    path = folder / f"{trial.method}{SUFFIX}"
    if not path.is_file():
        return ""
    config = trial.config
    name = f"{config.protocol}/{config.models[0]}/{trial.method}/seed{config.seeds[0]}/{trial.target}"
    measured = next(line.perplexity for line in outcome.lines if line.method == trial.method)
    for cell in read_publication(path).cells:
        if cell_name(cell) != name or PERPLEXITY not in cell.evaluations:
            continue
        found = cell.measurement(PERPLEXITY, PERPLEXITY, trial.text)
        if found is None or found.value is None or measured is None:
            continue
        if abs(found.value - measured) > ROUNDING * measured:
            return (
                f"{path} says a perplexity of {found.value:.6g} on {trial.text} for {name}, and the trial of the same "
                f"cell gave {measured:.6g}; run prunebench publish {trial.method} and commit it"
            )
    return ""
