"""`prunebench retry`: forget failures, so that the next run tries them again."""

from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile

# What another try may change; `na` and `diverged` are answers, and are tried again only when asked for.
_FAILURES = ["error", "timeout", "oom", "rejected"]


def retry(
    configfile: ConfigFile = DEFAULT_CONFIG,
    status: Annotated[
        list[str], typer.Option("--status", help="Records of this status only; may be repeated.")
    ] = _FAILURES,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be removed.")] = False,
) -> None:
    """Remove the records of failed cells of the config; the next run computes them again."""
    from typing import get_args

    from prunebench.cli.cells import read_states
    from prunebench.cli.options import read_config
    from prunebench.errors import unknown_name
    from prunebench.results.records import Status
    from prunebench.runlock import hold_run_lock

    for name in status:
        if name not in get_args(Status) or name == "ok":
            raise unknown_name("status", name, [known for known in get_args(Status) if known != "ok"])
    states = read_states(read_config(configfile))
    if not dry_run:
        hold_run_lock(typer.echo)  # a run at work would not notice that records vanish behind its back
    removed = 0
    for record in (record for state in states for record in state.records if record.status in status):
        removed += 1
        typer.echo(f"{'would remove' if dry_run else 'removed'} {record.path} ({record.status}: {record.reason})")
        if not dry_run:
            record.path.unlink()
    if not removed:
        typer.echo(f"no record with status {' or '.join(status)}")
    elif not dry_run:
        typer.echo(f"{removed} records removed; run snakemake to compute them again")
