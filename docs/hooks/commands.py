"""The command line, from the commands themselves."""

import typer
from typer.cli import get_docs_for_click

from prunebench.cli.app import app


def commands() -> str:
    """A section per command: what it does, its arguments and its options."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="prunebench")
    parts = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        parts.append(get_docs_for_click(obj=command, ctx=context, indent=1, call_prefix="prunebench", name=name))
    return "\n".join(parts)
