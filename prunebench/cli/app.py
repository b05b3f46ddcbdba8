"""The console command `prunebench`: one file per subcommand, each importing what it needs when it is run."""

import sys

import typer

from prunebench.cli.board import board
from prunebench.cli.check import check
from prunebench.cli.estimate import estimate
from prunebench.cli.export import export
from prunebench.cli.generate import generate
from prunebench.cli.new_method import new_method
from prunebench.cli.publish import publish
from prunebench.cli.published import published
from prunebench.cli.report import report
from prunebench.cli.retry import retry
from prunebench.cli.review import review
from prunebench.cli.status import status
from prunebench.cli.trial import trial
from prunebench.cli.verify import verify
from prunebench.errors import PrunebenchError

app = typer.Typer(
    help="A reproducible benchmark and leaderboard for pruning language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(check)
app.command("new-method")(new_method)
app.command("try")(trial)
app.command("review")(review)
app.command("generate")(generate)
app.command("export")(export)
app.command("report")(report)
app.command("publish")(publish)
app.command("published")(published)
app.command("board")(board)
app.command("estimate")(estimate)
app.command("status")(status)
app.command("retry")(retry)
app.command("verify")(verify)


def main() -> None:
    """Run the command line; a PrunebenchError becomes one line on stderr and exit code 2."""
    try:
        app()
    except PrunebenchError as error:
        print(f"prunebench: {error}", file=sys.stderr)
        raise SystemExit(2) from None
