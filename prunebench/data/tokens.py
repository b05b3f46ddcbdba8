"""Token ids on disk: one int32 tensor `ids` in a safetensors file whose metadata says what it was made from."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from prunebench.errors import PrunebenchError
from prunebench.files import replacing

if TYPE_CHECKING:
    import torch


def write_ids(path: Path, ids: "torch.Tensor", metadata: Mapping[str, str]) -> None:
    """Write ids (rows, tokens) of any integer dtype atomically."""
    import torch
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        save_file({"ids": ids.to(torch.int32).contiguous()}, temporary, metadata=dict(metadata))


def read_ids(path: Path) -> "torch.Tensor":
    """Ids (rows, tokens), int64.

    Raises:
        PrunebenchError: the file is absent or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)["ids"].long()
    except FileNotFoundError:
        raise PrunebenchError(f"{path} does not exist; run the workflow, it tokenises the text") from None
    except (SafetensorError, KeyError) as error:
        raise PrunebenchError(f"{path} holds no token ids ({error}); delete it and run the workflow again") from None


def read_metadata(path: Path) -> dict[str, str]:
    """What the ids were made from: `text`, `text_sha256`, `tokenizer_sha256`, `settings` (JSON)."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata())
