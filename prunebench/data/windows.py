"""Evaluation windows: one long stream of tokens cut into pieces of equal length."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prunebench.data.tokens import read_ids, write_ids
from prunebench.errors import PrunebenchError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

Bos = Literal["none", "once", "every"]


def make_windows(
    documents: Iterable[str],
    tokenizer: "PreTrainedTokenizerBase",
    window: int,
    join: str = "\n\n",
    bos: Bos = "once",
    max_windows: int | None = None,
) -> "torch.Tensor":
    """Join the documents, tokenise the whole once, cut non-overlapping windows, drop the tail.

    This is the perplexity protocol of Wanda and SparseGPT (their reference code) with `bos="once"`.

    Args:
        window: tokens per window.
        join: put between documents.
        bos: `once` leaves the stream's beginning to the tokenizer, as the reference code does: Llama and OPT put
            one BOS there, GPT-2 none. `none` suppresses it. `every` starts each window with the BOS token, which
            is then the first of its `window` tokens.
        max_windows: keep at most so many, spread evenly over the text; None = all.

    Returns:
        Token ids (windows, window), int64.

    Raises:
        PrunebenchError: the text is shorter than one window, or there is no BOS token for `every`.
    """
    import torch

    if bos == "every" and tokenizer.bos_token_id is None:
        raise PrunebenchError("the tokenizer has no BOS token to put into every window; choose bos: none or once")
    encoded = tokenizer(join.join(documents), add_special_tokens=bos == "once", verbose=False)
    stream = torch.tensor(encoded.input_ids, dtype=torch.int64)
    content = window - 1 if bos == "every" else window
    count = len(stream) // content
    if not count:
        raise PrunebenchError(
            f"the evaluation text has {len(stream)} tokens, fewer than one window of {window}; choose a longer text "
            "or a smaller window"
        )
    windows = stream[: count * content].view(count, content)
    if max_windows is not None and max_windows < count:
        windows = windows[torch.arange(max_windows) * count // max_windows]
    if bos == "every":
        windows = torch.cat([torch.full((len(windows), 1), tokenizer.bos_token_id), windows], dim=1)
    return windows.contiguous()


def write_windows(path: Path, ids: "torch.Tensor", metadata: Mapping[str, str]) -> None:
    """Write evaluation windows (windows, window) atomically."""
    write_ids(path, ids, metadata)


def load_windows(path: Path) -> "torch.Tensor":
    """Evaluation windows (windows, window), int64.

    Raises:
        PrunebenchError: the file is absent.
    """
    return read_ids(path)
