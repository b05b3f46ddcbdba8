"""`prunebench export`: a pruned model as an ordinary transformers folder."""

from pathlib import Path
from typing import Annotated

import typer

from prunebench.cli.options import DEFAULT_CONFIG, ConfigFile


def export(
    cell: Annotated[
        str, typer.Argument(help="model/method/target, or protocol/model/method/seed0/target, or the patch's path.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where to write; a new folder.")],
    configfile: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write a pruned model to FOLDER, for AutoModelForCausalLM.from_pretrained or, if need be, with a loader."""
    from prunebench.cli.cells import parse_cell
    from prunebench.cli.options import make_console, read_config, working
    from prunebench.errors import PrunebenchError
    from prunebench.layout import MODEL
    from prunebench.results.records import PruneRecord, load_record

    console = make_console()
    found = parse_cell(cell, lambda: read_config(configfile))
    path = found.sweep.prune_record(found.target)
    record = load_record(path, PruneRecord)
    if record is None:
        raise PrunebenchError(f"{cell} has not been pruned ({path} is missing); run: snakemake --cores all {path}")
    if record.status != "ok":
        raise PrunebenchError(f"{cell} could not be pruned, so there is nothing to export: {record.reason}")
    with working(console, f"exporting {found.sweep.path}/{found.target}"):
        from transformers.utils.logging import disable_progress_bar

        from prunebench.patches.export import HOW_TO_LOAD, export_cell

        disable_progress_bar()
        plain = export_cell(Path(MODEL.format(model=found.sweep.model)).parent, found.sweep.patch(found.target), folder)
    console.print(f"wrote {folder}", soft_wrap=True)
    if not plain:
        how = HOW_TO_LOAD.replace("FOLDER", repr(str(folder)))
        console.print("its layers have shapes that no config can say, so the folder brings code that loads it:")
        console.print(f"    {how}", soft_wrap=True)
        console.print(f"{folder}/README.md says more", soft_wrap=True)
