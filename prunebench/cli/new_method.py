"""`prunebench new-method`: the two files a method begins with."""

from pathlib import Path
from typing import Annotated

import typer


def new_method(
    name: Annotated[str, typer.Argument(help="The method's name, of a-z, 0-9 and _.")],
    kind: Annotated[
        str,
        typer.Option(
            help="score: a saliency per weight; layer: new weights per linear; units: a saliency per head or channel; "
            "model: the model at once."
        ),
    ] = "score",
    methods: Annotated[Path, typer.Option(help="Folder for the method.")] = Path("methods"),
    tests: Annotated[Path, typer.Option(help="Folder for its test.")] = Path("tests/methods"),
) -> None:
    """Write a working method to start from, and its test."""
    from prunebench.contract import scaffold

    for path in scaffold.new_method(name, kind, methods, tests):
        typer.echo(f"wrote {path}")
    typer.echo(f"Edit the method, and the oracle of its test, then run: prunebench check {name}")
