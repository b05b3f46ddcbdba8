"""What a folder in `papers/` says: `tables.yaml` with the layout of a paper's tables and figures, and its claims."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from prunebench.config.paper_figures import AnyFigure
from prunebench.config.paper_parts import Claim, Place, Table
from prunebench.config.strict import Strict, parse, read_yaml
from prunebench.errors import PrunebenchError

TABLES_FILE = "tables.yaml"
REFERENCE_FOLDER = "reference"
README_FILE = "README.md"

# Names of papers, tables and figures become file names.
_FILE_NAME = r"^[a-z0-9][a-z0-9-]*$"
FileName = Annotated[str, StringConstraints(pattern=_FILE_NAME)]


class Paper(Strict):
    """`tables.yaml`.

    Attributes:
        title, cite: of the paper.
        protocols: under these our numbers mean what the published ones mean, so differences are shown.
        stand_in: embedded models that are shown, and labelled, where a paper's model is not in the run.
        stand_in_methods, stand_in_data: the same for variants of methods and for texts and tasks.
        tables, figures: by file name.
        claims: the orderings that are checked.
    """

    title: str
    cite: str
    protocols: tuple[str, ...] = Field(min_length=1)
    stand_in: dict[str, str] = Field(default_factory=dict)
    stand_in_methods: dict[str, str] = Field(default_factory=dict)
    stand_in_data: dict[str, str] = Field(default_factory=dict)
    tables: dict[FileName, Table] = Field(default_factory=dict)
    figures: dict[FileName, AnyFigure] = Field(default_factory=dict)
    claims: tuple[Claim, ...] = ()

    def with_written(self, methods: Iterable[str]) -> "Paper":
        """With the rows of methods that a language model wrote, in the tables that have a place for them."""
        methods = list(methods)
        tables = {name: table.with_written(methods) for name, table in self.tables.items()}
        return self.model_copy(update={"tables": tables})

    def parts(self) -> Iterator[Table | AnyFigure | Claim]:
        """Everything that shows numbers."""
        yield from self.tables.values()
        yield from self.figures.values()
        yield from self.claims

    @property
    def places(self) -> Iterator[Place]:
        """Every number that is shown or compared."""
        for part in self.parts():
            yield from part.needed()

    @property
    def reference_files(self) -> list[str]:
        """The files of published numbers, each once."""
        found = [reference for figure in self.figures.values() for reference in figure.references]
        found += [reference for claim in self.claims for reference in claim.references]
        found += [table.reference for table in self.tables.values() if table.reference]
        return sorted({reference.file for reference in found})


def load_paper(folder: Path) -> Paper:
    """Read `tables.yaml` of a paper's folder.

    Raises:
        PrunebenchError: the folder's name cannot be a file name, or the file is absent or wrong, naming table and key.
    """
    if not re.match(_FILE_NAME, folder.name):
        raise PrunebenchError(f"config: paper {str(folder)!r}: name the folder with a-z, 0-9 and - only")
    path = folder / TABLES_FILE
    if not path.is_file():
        raise PrunebenchError(f"config: paper {str(folder)!r} has no {TABLES_FILE}; name a folder below papers/")
    return parse(Paper, read_yaml(path), str(path))
