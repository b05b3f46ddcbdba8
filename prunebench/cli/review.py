"""`prunebench review`: what a pull request that adds or changes a method is told."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile
from prunebench.layout import PUBLISHED

if TYPE_CHECKING:
    from prunebench.trial.outcome import Outcome


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
    from prunebench.cli.options import read_config
    from prunebench.files import write_text
    from prunebench.review.changes import find_changes

    config = read_config(configfile)
    changes = find_changes(against, config.method_paths)

    from prunebench.review.published import review_published

    published = review_published(Path(PUBLISHED), config, changes)
    methods = []
    if changes.present:
        from prunebench.review.method import review_method

        for name in changes.present:
            typer.echo(f"{name}: contract and trial")
            methods.append(review_method(name, config, lambda name: _run_trial(name, model, configfile)))
    problems = [*(problem for method in methods for problem in method.problems()), *published.problems]

    if methods or changes.removed or published.cells or problems:
        from prunebench.review.summary import summarise_review

        text = summarise_review(against, changes, methods, published, problems)
    else:
        text = f"No method and no published result differs from {against} ({changes.base[:10]}). {changes.remark}\n"
    typer.echo(text)
    if summary:
        write_text(summary, text)
    if problems:
        raise typer.Exit(1)


def _run_trial(name: str, model: str, configfile: Path) -> "Outcome":
    from prunebench.cli.options import read_settings
    from prunebench.cli.running import compute, record_files
    from prunebench.trial.outcome import read_outcome
    from prunebench.trial.plan import plan_trial

    trial = plan_trial(read_settings(configfile), name, model)
    compute(configfile, trial.overrides, record_files(trial.config))
    return read_outcome(trial)
