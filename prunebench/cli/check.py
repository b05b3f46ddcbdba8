"""`prunebench check`: does a method keep the contract?"""

from pathlib import Path
from typing import Annotated

import typer

_DEFAULT_FOLDERS = [Path("methods")]


def check(
    name: Annotated[str, typer.Argument(help="The method, with a variant if wanted: wanda, sparsegpt@damping=0.1.")],
    only: Annotated[list[str] | None, typer.Option("--only", help="Run this check only; may be repeated.")] = None,
    methods: Annotated[list[Path], typer.Option("--methods", help="Folders searched for methods.")] = _DEFAULT_FOLDERS,
    unsafe_run_untrusted: Annotated[
        bool, typer.Option(help="Run without the sandbox what no person wrote: it can do whatever you can.")
    ] = False,
) -> None:
    """Run a method through the named checks of the contract, within a minute; the exit code is 1 if one fails."""
    from prunebench.cli.options import make_console
    from prunebench.contract.apart import examine_apart
    from prunebench.contract.finding import said_once
    from prunebench.errors import unknown_name
    from prunebench.plugins.header import find_methods, parse_variant
    from prunebench.sandbox.policy import Policy

    console = make_console()
    base, files = parse_variant(name)[0], find_methods(methods)
    if base not in files:  # said at once, not after seconds of loading
        raise unknown_name("method", base, files, " ".join(map(str, methods)))
    count = failed = 0
    policy = Policy(unsafe=unsafe_run_untrusted)
    with console.status("loading torch and transformers") as status:
        for finding in said_once(examine_apart(name, methods, policy, only or (), status.update)):
            count, failed = count + 1, failed + bool(finding.problem)
            mark = "[red]FAILED[/]" if finding.problem else "[green]ok[/]    "
            console.print(f"{mark}  {finding.check:21}  {finding.promise}", soft_wrap=True)
            if finding.problem:
                console.print(f"        {finding.problem}", style="red", markup=False, soft_wrap=True)
    console.print(f"{name} {f'fails {failed} of' if failed else 'passes'} {count} checks", soft_wrap=True)
    if failed:
        raise typer.Exit(1)
