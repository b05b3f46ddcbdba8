"""Calibration sequences: random crops of random long documents, or of all documents joined to one stream."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prunebench.config.protocols import Selection
from prunebench.data.tokens import read_ids, write_ids
from prunebench.errors import PrunebenchError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

# After so many documents in a row that were too short, see once whether any is long enough at all.
_PATIENCE = 200
# How many of the longest documents (by characters) that look-over tokenises before it gives up.
_LONGEST = 1000


def sample_calibration(
    documents: Sequence[str],
    tokenizer: "PreTrainedTokenizerBase",
    nsamples: int,
    seqlen: int,
    seed: int,
    selection: Selection = "document-crop",
) -> "torch.Tensor":
    """Draw calibration sequences.

    `document-crop` (Wanda, arXiv 2306.11695, its reference code): draw documents until one has more than
    `seqlen` tokens, special tokens that the tokenizer adds by itself included, then crop `seqlen` tokens from a
    start drawn from 0 ... length - seqlen - 1. The draws are those of Python's `random.Random(seed)`, so with
    equal documents the crops are the reference's; the first n of a larger draw are the draw of n.
    `stream-crop` (for texts of paragraphs, such as WikiText-2): the documents are joined by blank lines and tokenised
    at once, and each crop starts at a place drawn in the same way from the whole.

    Returns:
        Token ids (nsamples, seqlen), int64.

    Raises:
        PrunebenchError: no document, or not the whole text, is long enough.
    """
    import torch

    if not documents:
        raise PrunebenchError("the calibration text has no documents")
    generator = random.Random(seed)
    if selection == "stream-crop":
        return torch.tensor(_stream_crops(documents, tokenizer, nsamples, seqlen, generator), dtype=torch.int64)
    tokens = _TokenisedDocuments(documents, tokenizer, seqlen)
    crops = []
    for _ in range(nsamples):
        misses = 0
        while (ids := tokens[generator.randint(0, len(documents) - 1)]) is None:
            misses += 1
            if misses == _PATIENCE:
                tokens.require_one()
        start = generator.randint(0, len(ids) - seqlen - 1)
        crops.append(ids[start : start + seqlen])
    return torch.tensor(crops, dtype=torch.int64)


def _stream_crops(
    documents: Sequence[str],
    tokenizer: "PreTrainedTokenizerBase",
    nsamples: int,
    seqlen: int,
    generator: random.Random,
) -> list[list[int]]:
    ids: list[int] = tokenizer("\n\n".join(documents), verbose=False).input_ids
    if len(ids) <= seqlen:
        raise PrunebenchError(
            f"the calibration text has {len(ids)} tokens with this model's tokenizer, {seqlen + 1} are needed; lower "
            "the protocol's calibration.seqlen or choose a longer text"
        )
    starts = [generator.randint(0, len(ids) - seqlen - 1) for _ in range(nsamples)]
    return [ids[start : start + seqlen] for start in starts]


class _TokenisedDocuments:
    """Token ids of the documents longer than `seqlen`, each tokenised at most once; None for the others."""

    def __init__(self, documents: Sequence[str], tokenizer: "PreTrainedTokenizerBase", seqlen: int) -> None:
        self.documents = documents
        self.tokenizer = tokenizer
        self.seqlen = seqlen
        self._known: dict[int, list[int] | None] = {}
        self._some_is_long_enough = False

    def __getitem__(self, index: int) -> list[int] | None:
        if index not in self._known:
            ids: list[int] = self.tokenizer(self.documents[index], verbose=False).input_ids
            self._known[index] = ids if len(ids) > self.seqlen else None
            self._some_is_long_enough |= len(ids) > self.seqlen
        return self._known[index]

    def require_one(self) -> None:
        """Raise unless some document is long enough, so that drawing until one is found comes to an end."""
        if self._some_is_long_enough:
            return
        longest = sorted(range(len(self.documents)), key=lambda index: -len(self.documents[index]))[:_LONGEST]
        if all(self[index] is None for index in longest):
            raise PrunebenchError(
                f"no document of the calibration text has more than {self.seqlen} tokens with this model's tokenizer; "
                "lower the protocol's calibration.seqlen or choose a text with longer documents"
            )


def write_calibration(path: Path, ids: "torch.Tensor", metadata: Mapping[str, str]) -> None:
    """Write calibration ids (nsamples, seqlen) atomically."""
    write_ids(path, ids, metadata)


def load_calibration(path: Path, nsamples: int | None = None) -> "torch.Tensor":
    """Calibration ids (nsamples, seqlen), int64; `nsamples` takes the first so many.

    Raises:
        PrunebenchError: the file is absent or holds fewer.
    """
    ids = read_ids(path)
    if nsamples is not None and nsamples > len(ids):
        raise PrunebenchError(f"{path} holds {len(ids)} calibration samples, {nsamples} were asked for")
    return ids[:nsamples]
