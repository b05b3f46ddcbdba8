"""`prunebench estimate`: what a run of a config will take, before it is run."""

from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile

Cores = Annotated[int | None, typer.Option(help="Cores that jobs may take together; all there are if not given.")]
Gpu = Annotated[
    bool | None, typer.Option("--gpu/--no-gpu", help="Compute on a GPU, or on CPUs; whichever is here if not given.")
]


def estimate(configfile: ConfigFile = DEFAULT_CONFIG, cores: Cores = None, gpu: Gpu = None) -> None:
    """Say how many cells a run would compute, and how much time and disk that takes.

    Times are those of earlier records of the same model and method in results/, scaled to the config; without any they
    follow from a model of the FLOPs and of what the machine does per second.
    """
    import os

    from rich.table import Table

    from prunebench.cli.options import make_console, read_config
    from prunebench.config.grid import expand
    from prunebench.cost.estimate import ASSETS, PRUNE
    from prunebench.cost.estimate import estimate as estimated
    from prunebench.cost.words import duration, one_line, size
    from prunebench.hardware import count_gpus

    config = read_config(configfile)
    gpus = None if gpu is None else max(count_gpus(), 1) if gpu else 0
    found = estimated(config, expand(config), cores or os.cpu_count() or 1, gpus)

    works = [PRUNE, *config.evaluate, ASSETS]
    table = Table("model", "to compute", *works, "disk", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, model in found.models.items():
        times = [duration(model.seconds[work]) if model.seconds.get(work) else "." for work in works]
        stored = size(model.stored) if model.stored else "."
        unknown = ["?"] * (len(works) + 1)
        cells = f"{model.pending} of {model.cells}"
        table.add_row(name, cells, *(unknown if model.unknown else [*times, stored]))
    console = make_console()
    console.print(table)
    if found.data.stored:
        console.print(f"\ntexts and tasks: {duration(found.data.seconds)}, {size(found.data.stored)}")
    if found.job_seconds:
        console.print(
            f"\nall jobs, one after another: {'at least ' if found.unknown else ''}{duration(found.job_seconds)}"
        )
    console.print(one_line(found), soft_wrap=True)
