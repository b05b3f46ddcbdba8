"""Calibration sequences: random crops of random long documents, or of all documents joined to one stream.

Those of recovery fine-tuning are drawn in the same way, from two parts of a text.
"""

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
# Fine-tuning validates on the last of so many equal parts of a text and trains on the others.
_PARTS = 10


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
    crops = _document_crops(tokens, range(len(documents)), nsamples, generator)
    return torch.tensor(crops, dtype=torch.int64)


def sample_recovery(
    documents: Sequence[str],
    tokenizer: "PreTrainedTokenizerBase",
    validation: int,
    training: int,
    seqlen: int,
    seed: int,
    selection: Selection = "document-crop",
) -> "torch.Tensor":
    """Draw the sequences that recovery fine-tuning validates on and, after them, those it trains on.

    They are drawn as calibration sequences are, but from two parts of the text that have no token in common: those to
    validate on from the last tenth of the documents, or of the stream, those to train on from what is before it.
    Where a part would have no document that is long enough, the last one that is begins the part to validate on;
    where the tenth of a stream is too short, it is as long as it has to be. A draw of fewer to train on is the
    beginning of a draw of more.

    Returns:
        Token ids (validation + training, seqlen), int64.

    Raises:
        PrunebenchError: the text is too small for two such parts.
    """
    import torch

    generator = random.Random(seed)
    if selection == "stream-crop":
        ids: list[int] = tokenizer("\n\n".join(documents), verbose=False).input_ids
        cut = len(ids) - max(len(ids) // _PARTS, seqlen + 1)
        if cut <= seqlen:
            raise PrunebenchError(
                f"the text to fine-tune on has {len(ids)} tokens with this model's tokenizer, {2 * (seqlen + 1)} are "
                "needed to train on one part and validate on another; lower the protocol's calibration.seqlen or "
                "choose a longer text"
            )
        crops = _crops(ids[cut:], validation, seqlen, generator) + _crops(ids[:cut], training, seqlen, generator)
    else:
        tokens = _TokenisedDocuments(documents, tokenizer, seqlen)
        cut = _first_held_out(tokens, len(documents))
        crops = _document_crops(tokens, range(cut, len(documents)), validation, generator)
        crops += _document_crops(tokens, range(cut), training, generator)
    return torch.tensor(crops, dtype=torch.int64)


def _first_held_out(tokens: "_TokenisedDocuments", count: int) -> int:
    """The number of the first document that fine-tuning validates on; there are long enough ones on both sides."""
    cut = count - max(count // _PARTS, 1)
    if not (tokens.some(range(cut)) and tokens.some(range(cut, count))):
        enough = tokens.long_enough(range(count))
        if len(enough) < 2:
            raise PrunebenchError(
                f"{len(enough) or 'no'} document of the text to fine-tune on has more than {tokens.seqlen} tokens with "
                "this model's tokenizer, 2 are needed, to train on one and validate on another; lower the protocol's "
                "calibration.seqlen or choose a text with more long documents"
            )
        cut = max(enough)
    return cut


def _document_crops(
    tokens: "_TokenisedDocuments", among: range, nsamples: int, generator: random.Random
) -> list[list[int]]:
    crops = []
    for _ in range(nsamples):
        misses = 0
        while (ids := tokens[among[generator.randint(0, len(among) - 1)]]) is None:
            misses += 1
            if misses == _PATIENCE:
                tokens.require_one()
        crops += _crops(ids, 1, tokens.seqlen, generator)
    return crops


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
    return _crops(ids, nsamples, seqlen, generator)


def _crops(ids: list[int], nsamples: int, seqlen: int, generator: random.Random) -> list[list[int]]:
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

    def some(self, among: range) -> bool:
        """Whether some document of these is long enough; the first ones are tried before the longest are looked for."""
        return any(self[index] is not None for index in among[:_PATIENCE]) or bool(self.long_enough(among))

    def long_enough(self, among: range) -> list[int]:
        """Those documents that are long enough, of the longest of these."""
        longest = sorted(among, key=lambda index: -len(self.documents[index]))[:_LONGEST]
        return [index for index in longest if self[index] is not None]

    def require_one(self) -> None:
        """Raise unless some document is long enough, so that drawing until one is found comes to an end."""
        if self._some_is_long_enough:
            return
        if not self.long_enough(range(len(self.documents))):
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
