"""`prunebench board`: the pages of what was published, without computing anything."""

from pathlib import Path
from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile
from prunebench.layout import PUBLISHED

Published = Annotated[Path, typer.Option(help="The folder of published results.")]
Out = Annotated[Path, typer.Option(help="Where the board goes.")]


def board(
    published: Published = Path(PUBLISHED), out: Out = Path("reports/board"), configfile: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Make leaderboard, method pages, tables and figures from published results alone: no model, GPU or network.

    Ranks are taken anew over all published methods. The config gives titles, method files and the order of models and
    methods; a protocol that is not its own gets a board in a folder of its name.
    """
    from prunebench.cli.options import read_config
    from prunebench.reports.published import build_board

    for line in build_board(read_config(configfile), published, out):
        typer.echo(line)
