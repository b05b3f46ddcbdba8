"""`prunebench published`: what is published, and what a change does to it."""

from pathlib import Path
from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile
from prunebench.layout import PUBLISHED

Folder = Annotated[Path, typer.Option("--published", help="The folder of published results.")]
Against = Annotated[str | None, typer.Option(metavar="REF", help="A commit or branch to compare with.")]
Changed = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A method that may change; others then may not. Repeatable.")
]


def published(
    folder: Folder = Path(PUBLISHED),
    against: Against = None,
    changed: Changed = None,
    configfile: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """List what is published, and with --against what changed since; exit code 1 if published numbers must not be so.

    They must not be ranked together if a cell was made from another model or other data than its dense row; and a
    number must not move while the code, the model and the data it was made from stay.
    """
    from collections import Counter

    from rich.table import Table

    from prunebench.cli.options import make_console, read_config
    from prunebench.errors import unknown_name
    from prunebench.results.published.board import published_cells, rejections
    from prunebench.results.published.moved import changes_since, objections
    from prunebench.results.summary import cell_status

    console = make_console()

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    config = read_config(configfile)
    cells = published_cells(config, folder)
    table = Table("method", "cells", "statuses", box=None, pad_edge=False)
    for method in dict.fromkeys(cell.sweep.method for cell in cells):
        statuses = Counter(cell_status(cell) for cell in cells if cell.sweep.method == method)
        counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        table.add_row(method, str(sum(statuses.values())), counts)
    console.print(table)
    wrong = rejections(cells)
    if against is not None:
        changes = changes_since(folder, against)
        known = {*config.method_files, *(change.method for change in changes)}
        for name in changed or ():
            if name not in known:
                raise unknown_name("method", name, known)
        for change in changes:
            say(str(change))
        if not changes:
            say(f"nothing that is published differs from {against}")
        wrong += objections(changes, changed)
    for sentence in wrong:
        say(f"not as it must be: {sentence}")
    if wrong:
        raise typer.Exit(1)
