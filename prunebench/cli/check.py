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
    """Run a method through the named checks of the contract; the exit code is 1 if one fails."""
    from prunebench.cli.options import make_console, working
    from prunebench.errors import PrunebenchError, unknown_name
    from prunebench.plugins.header import find_methods, parse_variant, read_header

    console = make_console()

    def report(promise: str, what: str, problem: str) -> None:
        mark = "[red]FAILED[/]" if problem else "[green]ok[/]    "
        console.print(f"{mark}  {promise:21}  {what}", soft_wrap=True)
        if problem:
            console.print(f"        {problem}", style="red", markup=False, soft_wrap=True)

    base, files = parse_variant(name)[0], find_methods(methods)
    if base not in files:
        raise unknown_name("method", base, files, " ".join(map(str, methods)))
    try:
        read_header(files[base])
    except PrunebenchError as error:
        report("header_valid", "the header can be read; nothing else can be checked before it is", str(error))
        raise typer.Exit(1) from None
    with working(console, "loading torch and transformers"):
        from prunebench.contract.checks import checks_for, examine
        from prunebench.sandbox.loading import open_method
        from prunebench.sandbox.policy import Policy
    with open_method(name, methods, Policy(unsafe=unsafe_run_untrusted)) as method:
        known = {promise.name: promise for promise in checks_for(method.header)}
        for wanted in only or []:
            if wanted not in known:
                raise unknown_name("check", wanted, known, f"the contract of {base}")
        failed = 0
        with console.status("") as status:
            for promise, problem in examine(method, [known[name] for name in only or known], status.update):
                failed += bool(problem)
                report(promise.name, promise.promise, problem)
    count = len(only or known)
    console.print(f"{name} {f'fails {failed} of' if failed else 'passes'} {count} checks", soft_wrap=True)
    if failed:
        raise typer.Exit(1)
