"""What several commands share: options, reading the config, saying what is going on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunebench.layout import CONFIG

if TYPE_CHECKING:
    from rich.console import Console

    from prunebench.config.load import Config

ConfigFile = Annotated[Path, typer.Option("--configfile", help="The run's config, as given to snakemake.")]
DEFAULT_CONFIG = Path(CONFIG)


def read_settings(path: Path) -> Mapping[str, Any]:
    """The config as it stands in its file; a PrunebenchError if there is none or it is no YAML."""
    from prunebench.config.strict import read_yaml
    from prunebench.errors import PrunebenchError

    if not path.is_file():
        raise PrunebenchError(f"{path} does not exist; run this in the project's folder or give --configfile")
    return read_yaml(path)


def read_config(path: Path) -> "Config":
    """The checked config; a PrunebenchError if it cannot be read or is not valid."""
    from prunebench.config.load import load_config

    return load_config(read_settings(path))


def make_console() -> "Console":
    """A console as wide as the terminal; into a file or a pipe, wide enough for whole lines."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)


@contextmanager
def working(console: "Console", what: str) -> Iterator[None]:
    """Say what is being done: a spinner on a terminal, a line in a log."""
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(f"{what} ...", soft_wrap=True)
        yield
