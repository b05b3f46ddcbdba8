"""`prunebench generate`: methods written by a language model."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    endpoint: Annotated[str, typer.Option(help="Base URL of an OpenAI-compatible server: http://127.0.0.1:8000/v1.")],
    model: Annotated[str, typer.Option(help="The model's name on that server.")],
    ideas: Annotated[Path, typer.Option(help="YAML file with a list of ideas.")] = Path("config/ideas.yaml"),
    n: Annotated[int, typer.Option("--n", min=1, help="Attempts per idea.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the files; named generated, in a folder of methods.")] = Path(
        "methods/generated"
    ),
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampling.")] = 0.7,
    max_tokens: Annotated[int, typer.Option(min=1, help="A reply is cut here.")] = 4096,
) -> None:
    """Ask for one method per idea and attempt; store every reply and its code, unedited."""
    from prunebench.cli.options import make_console
    from prunebench.errors import PrunebenchError
    from prunebench.generate import ask
    from prunebench.generate.prompt import read_ideas
    from prunebench.generate.server import Request

    if out.name != "generated":
        raise PrunebenchError(
            f"--out {out} is not named generated; only there are methods found and run in the sandbox"
        )
    console = make_console()
    request = Request(endpoint, model, temperature, max_tokens)
    for answer in ask.generate(read_ideas(ideas), request, n, out):
        what = answer.problem or "has a valid header"
        console.print(f"{answer.name}{'' if answer.asked else ' (kept)'}: {what}", markup=False, soft_wrap=True)
    console.print("Each is a method now: name it in the config's methods, or run prunebench check NAME.")
