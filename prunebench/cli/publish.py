"""`prunebench publish`: a method's results as a small file for git."""

from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile

Name = Annotated[str | None, typer.Argument(help="The method's file name without .py; its variants come with it.")]
All = Annotated[bool, typer.Option("--all", help="Publish every method of the config, and the dense model.")]


def publish(name: Name = None, all_: All = False, configfile: ConfigFile = DEFAULT_CONFIG) -> None:
    """Write the records of a method's cells into results/published/NAME.jsonl, one line per cell, to be committed.

    What is published is the config's grid, failed cells included; records that are absent or were made from other code
    or settings are computed first. What other configs published stays while it is of the same code and settings.
    `prunebench board` makes the pages from these files alone.
    """
    import os
    from collections import Counter
    from dataclasses import replace
    from pathlib import Path

    from prunebench.cli.options import make_console, read_config
    from prunebench.cli.running import compute
    from prunebench.config.grid import expand
    from prunebench.cost.estimate import estimate
    from prunebench.cost.words import one_line
    from prunebench.errors import PrunebenchError
    from prunebench.layout import PUBLISHED
    from prunebench.results.published.publication import SUFFIX, read_publication
    from prunebench.results.published.publish import current_cells, methods_of, publishable, write_published
    from prunebench.results.summary import cell_status

    if (name is None) != all_:
        raise PrunebenchError("name one method, or give --all for every method of the config")
    console = make_console()

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    settings = read_config(configfile)
    methods = methods_of(settings) if name is None else (name,)
    known = {method: publishable(settings, method) for method in methods}
    for path in (Path(PUBLISHED, method + SUFFIX) for method in known):
        if path.exists():
            read_publication(path)  # what cannot be read is told before hours of computing
    for method, (config, cells) in known.items():
        results, missing = current_cells(config, cells)
        if missing:
            cost = estimate(config, replace(expand(config), cells=tuple(cells)), os.cpu_count() or 1)
            say(f"{method}: the records of {len(missing)} cells are missing or not current; Snakemake computes them")
            say(one_line(cost))
            overrides = {"methods": config.methods} if config is not settings else {}
            compute(configfile, overrides, [path for cell in missing for path in cell.records])
            results, missing = current_cells(config, cells)
        if missing:
            raise PrunebenchError(f"{missing[0].records[0]} is still not current; nothing of {method} was published")
        written = write_published(config, method, results)
        statuses = Counter(cell_status(cell) for cell in written.publication.cells)
        kept = f", {written.kept} of them from other configs" if written.kept else ""
        counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        state = "written" if written.changed else "unchanged"
        say(f"{written.path}: {len(written.publication.cells)} cells ({counts}){kept}, {written.size} bytes, {state}")
        for what, count in written.dropped.items():
            say(f"no longer in it: {count} {what}")
        if found := written.publication.uncommitted:
            say(f"warning: the file says that this is not committed: {', '.join(found)}")
