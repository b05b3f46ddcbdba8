"""`prunebench try`: a first look at a method beside two others."""

from pathlib import Path
from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile


def trial(
    name: Annotated[str, typer.Argument(help="The method, with a variant if wanted: wanda, sparsegpt@damping=0.1.")],
    target: Annotated[
        str | None, typer.Option("--target", help="u50, n2m4, s20, ...; the first of these that it can do.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="A model of the registry.")] = "smollm2-135m",
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the table into this file as well.")] = None,
    configfile: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Prune a small model with a method, Wanda and magnitude, and compare perplexities (structured: Wanda-sp, Mag-SP).

    Takes two minutes on two idle cores, and fetching the model the first time; what has been computed before costs
    nothing. The exit code is 1 if the method was rejected, failed, or took too long or too much memory.
    """
    import time

    from rich.table import Table
    from rich.text import Text

    from prunebench.cli.options import make_console, read_settings
    from prunebench.cli.running import compute, record_files
    from prunebench.files import write_text
    from prunebench.trial.plan import plan_trial

    console, started = make_console(), time.monotonic()
    wanted = plan_trial(read_settings(configfile), name, model, target)
    compute(configfile, wanted.overrides, record_files(wanted.config))

    from prunebench.trial.outcome import read_outcome
    from prunebench.trial.words import HEADINGS, REMARK, TO_THE_RIGHT, as_markdown, cells

    outcome = read_outcome(wanted)
    table = Table(box=None, pad_edge=False)
    for heading, right in zip(HEADINGS, TO_THE_RIGHT, strict=True):
        table.add_column(heading, justify="right" if right else "left")
    for line in outcome.lines:
        style = "bold" if line.method == name else ""
        table.add_row(*(Text(cell) for cell in cells(line)), style=style)
    console.print(f"\n{outcome.caption}", markup=False, soft_wrap=True)
    console.print(table)
    console.print(f"\n{outcome.verdict}", style="bold", markup=False, soft_wrap=True)
    console.print(f"{REMARK}\nThat took {time.monotonic() - started:.0f} s.", markup=False, soft_wrap=True)
    if markdown:
        write_text(markdown, as_markdown(outcome))
    if outcome.mistaken:
        raise typer.Exit(1)
