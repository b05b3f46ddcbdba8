"""Token ids on disk: one int32 tensor `ids` in a safetensors file whose metadata says what it was made from.

The metadata also has the SHA-256 of the ids and of the rest of itself: other ids would make other numbers that look
like any.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.files import replacing

if TYPE_CHECKING:
    import torch

_ID_BYTES = 4  # int32
_SHA256 = "sha256"


def write_ids(path: Path, ids: "torch.Tensor", metadata: Mapping[str, str]) -> None:
    """Write ids (rows, tokens) of any integer dtype atomically."""
    import torch
    from safetensors.torch import save_file

    ids = ids.to(torch.int32).contiguous()
    sha256 = _digest(ids.shape, metadata, memoryview(ids.numpy().tobytes()))
    with replacing(path) as temporary:
        save_file({"ids": ids}, temporary, metadata={**metadata, _SHA256: sha256})


def read_ids(path: Path) -> "torch.Tensor":
    """Ids (rows, tokens), int64.

    Raises:
        DamagedFile: the file is not what `write_ids` wrote.
        PrunebenchError: the file is absent.
    """
    import torch

    shape, data = read_raw(path)
    return torch.frombuffer(bytearray(data), dtype=torch.int32).view(shape).long()


def read_raw(path: Path) -> tuple[tuple[int, ...], memoryview]:
    """Shape and int32 bytes, row by row; needs no torch.

    Raises: as `read_ids`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PrunebenchError(
            f"{path} cannot be read ({error.strerror}); it is made by an earlier rule: run snakemake again"
        ) from None
    return parse_ids(content, path)


def parse_ids(content: bytes, path: Path) -> tuple[tuple[int, ...], memoryview]:
    """The same of what was read from `path`.

    Raises:
        DamagedFile: it is not what `write_ids` wrote.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:start])
        shape, metadata = tuple(header["ids"]["shape"]), header["__metadata__"]
        sha256, data = metadata.pop(_SHA256), memoryview(content)[start:]
        size = math.prod(shape) * _ID_BYTES
        about = {"dtype": "I32", "shape": list(shape), "data_offsets": [0, size]}
        sound = header == {"__metadata__": metadata, "ids": about} and _digest(shape, metadata, data) == sha256
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise DamagedFile(
            f"{path} does not hold the token ids that were written; run prunebench verify --fix, and snakemake to make "
            "it again"
        )
    return shape, data


def _digest(shape: Iterable[int], metadata: Mapping[str, str], data: memoryview) -> str:
    about = json.dumps([list(shape), dict(metadata)], sort_keys=True)
    return hashlib.sha256(about.encode() + data).hexdigest()


def read_metadata(path: Path) -> dict[str, str]:
    """What the ids were made from: `text`, `text_sha256`, `tokenizer_sha256`, `settings` (JSON); and `sha256`."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata())
