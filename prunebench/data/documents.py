"""Documents of a text asset, read by index: a C4 shard is large, and a crop needs few of its documents."""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import overload

from prunebench.errors import PrunebenchError


class Documents(Sequence[str]):
    """The documents of a `documents.jsonl`; only their offsets are held in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets = array("q", [0])
        try:
            with path.open("rb") as file:
                for line in file:
                    self._offsets.append(self._offsets[-1] + len(line))
        except FileNotFoundError:
            raise PrunebenchError(f"{path} does not exist; run the workflow, it fetches the text") from None

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # negative indices and IndexError as for any sequence
        with self.path.open("rb") as file:
            file.seek(self._offsets[position])
            line = file.read(self._offsets[position + 1] - self._offsets[position])
        text: str = json.loads(line)["text"]
        return text
