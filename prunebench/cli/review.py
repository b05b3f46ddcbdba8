"""`prunebench review`: what a pull request that adds or changes a method is told."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile
from prunebench.layout import PUBLISHED

if TYPE_CHECKING:
    from prunebench.review.method import MethodReview
    from prunebench.trial.outcome import Outcome

_MINUTES = 10  # of one cell of a trial: whoever waits for a review should not wait for a method that hangs


def review(
    against: Annotated[str, typer.Option("--against", metavar="REF", help="The commit or branch to compare with.")],
    summary: Annotated[Path | None, typer.Option("--summary", help="Write the review as markdown.")] = None,
    model: Annotated[str, typer.Option("--model", help="The model of the trials.")] = "smollm2-135m",
    configfile: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Check and try every method that is added or changed, and compare published results; exit code 1 if that fails.

    Comments and docstrings change nothing. Methods that no person wrote run in their sandbox, and what is wrong with
    those stored as they came does not fail the review. The package itself is what `make test` is for.
    """
    from prunebench.errors import PrunebenchError
    from prunebench.files import write_text
    from prunebench.reports.markdown import escape

    def keep(text: str) -> None:
        """A hanging method, or a job that is ended, leaves what was found so far."""
        if summary:
            write_text(summary, text)

    try:
        text, problems = _review(against, model, configfile, keep)
    except PrunebenchError as error:
        keep(f"# Methods, compared with {escape(against)}\n\n* **{escape(str(error))}**\n")
        raise
    typer.echo(text)
    keep(text)
    if problems:
        raise typer.Exit(1)


def _review(against: str, model: str, configfile: Path, keep: Callable[[str], None]) -> tuple[str, list[str]]:
    """The review as markdown, and what must be mended."""
    from prunebench.cli.options import read_config
    from prunebench.review.changes import find_changes
    from prunebench.review.method import review_method
    from prunebench.review.published import review_published
    from prunebench.review.summary import summarise_review

    config = read_config(configfile)
    changes = find_changes(against, config.method_paths)
    published = review_published(Path(PUBLISHED), config, changes)
    methods: list[MethodReview] = []

    def found() -> list[str]:
        return [*(problem for method in methods for problem in method.problems()), *published.problems]

    for name in changes.present:
        unfinished = f"The review was ended while it looked at {name}."
        keep(summarise_review(against, changes, methods, published, [unfinished, *found()]))
        typer.echo(f"{name}: contract, test and trial")
        added = name in changes.added
        methods.append(review_method(name, config, lambda name: _run_trial(name, model, configfile), added))
    problems = found()
    if methods or changes.removed or published.cells or problems:
        return summarise_review(against, changes, methods, published, problems), problems
    nothing = f"No method and no published result differs from {against} ({changes.base[:10]}). {changes.remark}\n"
    return nothing, []


def _run_trial(name: str, model: str, configfile: Path) -> "tuple[Outcome, str]":
    from prunebench.cli.options import read_settings
    from prunebench.cli.running import compute, record_files
    from prunebench.review.contradiction import contradiction
    from prunebench.trial.outcome import read_outcome
    from prunebench.trial.plan import plan_trial

    trial = plan_trial(read_settings(configfile), name, model, minutes=_MINUTES)
    compute(configfile, trial.overrides, record_files(trial.config))
    outcome = read_outcome(trial)
    return outcome, contradiction(Path(PUBLISHED), trial, outcome)
