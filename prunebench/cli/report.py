"""`prunebench report`: the leaderboard of a run that is not finished."""

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile


def report(configfile: ConfigFile = DEFAULT_CONFIG) -> None:
    """Make metrics, tables, figures and the leaderboard from the records there are; the others show as errors."""
    from prunebench.cli.options import read_config
    from prunebench.reports.unfinished import report_unfinished

    typer.echo(report_unfinished(read_config(configfile)))
