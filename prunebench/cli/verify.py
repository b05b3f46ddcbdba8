"""`prunebench verify`: whether the files of a run are still what was written."""

from pathlib import Path
from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile


def verify(
    configfile: ConfigFile = DEFAULT_CONFIG,
    fix: Annotated[
        bool, typer.Option("--fix", help="Remove exactly what is damaged or stale, for snakemake to make it again.")
    ] = False,
) -> None:
    """Hash every result again and name what is damaged; exit code 1 if anything is.

    Everything below results/ is looked at: assets, tokens, patches, records, metrics.csv, published files. Records of
    cells that were made from something else than the config and its input files now say are named, too; they are no
    damage.
    """
    from prunebench.cli.options import make_console, read_config, working
    from prunebench.config.grid import expand
    from prunebench.errors import PrunebenchError
    from prunebench.results.soundness import examine, remove
    from prunebench.results.stale import stale_records
    from prunebench.runlock import hold_run_lock, run_at_work

    console = make_console()
    config = read_config(configfile)
    run = None if fix else run_at_work()
    if run:
        console.print(f"{run} is at work here: a file that it makes anew at this moment may look damaged")
    if fix:
        hold_run_lock(console.print)  # a run at work would not notice that files vanish behind its back
    cells = expand(config).cells if config.keep_patches else []
    kept = {cell.sweep.prune_record(cell.target) for cell in cells}
    with working(console, "hashing every result"):
        report = examine(Path(), kept)
        stale = stale_records(config)

    def say(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    for damage in report.damages:
        say(f"damaged  {damage.path} {damage.wrong}: without it {damage.remedy}")
    for path in stale:
        say(f"stale  {path} was made from something else than the config and its inputs now say")
    for process in report.working:
        say(f"{process} holds a lock and makes a cell, an asset or the metrics")
    for path in [] if run else report.leftovers:
        say(f"left over  {path} is what a killed process left; it does no harm")
    if fix and report.working:
        raise PrunebenchError(f"{report.working[0]} is at work in this folder; wait for it to end, or end it")
    if fix:
        for path in remove(report, stale):
            say(f"removed  {path}")
    if not report.damages:
        say(f"{report.files} files checked, all sound")
    elif fix:
        published = sum(not damage.remove for damage in report.damages)
        removed = len(report.damages) - published
        say(f"{report.files} files checked, {removed} damaged and removed; snakemake makes them again")
        if published:
            say(f"damaged files that were published stay, {published} of them: restore them with git, or publish again")
            raise typer.Exit(1)
    else:
        say(f"{report.files} files checked, {len(report.damages)} damaged; --fix removes them for the next run to make")
        raise typer.Exit(1)
