"""lm-eval's HFLM with the scoring of multiple-choice requests packed: no padding, shared contexts read once."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from prunebench.errors import PrunebenchError
from prunebench.evaluate.logprobs import log_normalizer
from prunebench.evaluate.packing import pack_tokens
from prunebench.evaluate.token_trie import TokenTrie

_log = logging.getLogger(__name__)

# Model types whose attention is decided by position ids and a 4-D mask alone; each is tested against HFLM.
PACKABLE = (
    "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3", "opt", "gpt2", "gpt_neox"
)  # fmt: skip
_ATTENTION = ("sdpa", "eager")  # implementations that take such a mask

_PADDED_BATCH = 8  # rows of a batch where packing is not possible

Score = tuple[float, bool]


@dataclass(frozen=True)
class _Request:
    """`inputs` are fed to the model; the logits at the last `len(targets)` of them score the targets."""

    inputs: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True)
class _Pack:
    """Some requests' inputs in one trie; `nodes[i]` are those at which request `members[i]` is scored."""

    trie: TokenTrie
    members: list[int]
    nodes: list[list[int]]


class PackedLM(HFLM):
    """HFLM around a model in memory that stays as it is, with packed scoring.

    Packing changes no score beyond rounding: it is the same model on the same tokens, with log-probabilities
    in float32 (HFLM's default takes them in the model's dtype; bfloat16 keeps 3 digits of a log-likelihood,
    and close choices tie). Models for which the trick does not hold are scored by HFLM's padded batches.
    """

    def __init__(self, model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> None:
        # HFLM ties the weights, which would undo a head that pruning made differ from the embeddings.
        model.tie_weights = lambda *_, **__: None  # type: ignore[assignment]
        try:
            super().__init__(pretrained=model, tokenizer=tokenizer, batch_size=_PADDED_BATCH, softmax_dtype="float32")
        finally:
            del model.tie_weights

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[Score]:
        """As HFLM's, without progress bars."""
        return super().loglikelihood(requests, disable_tqdm=True)

    def _model_call(self, inps: Tensor, attn_mask: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """As HFLM's for a causal model, without filling a cache nobody reads."""
        return self.model(input_ids=inps, use_cache=False).logits

    def _loglikelihood_tokens(
        self,
        requests: list[tuple[tuple[str, str], list[int], list[int]]],
        disable_tqdm: bool = True,
        override_bs: int | None = None,
    ) -> list[Score]:
        """Sum of the log-probabilities of each continuation's tokens, and whether each is the most likely one."""
        longest = self.max_length + 1
        cut = []
        for (_, text), context, continuation in requests:
            if not 0 < len(continuation) <= self.max_length:
                raise PrunebenchError(
                    f"a choice of {len(continuation)} tokens cannot be scored by a model of {self.max_length} "
                    f"positions: {text[:60]!r}"
                )
            # What is too long loses its beginning, as in HFLM.
            whole = (context + continuation)[-longest:]
            cut.append(_Request(tuple(whole[:-1]), tuple(continuation)))
        too_long = sum(len(context) + len(continuation) > longest for _, context, continuation in requests)
        if too_long:
            _log.warning("%d of %d requests are longer than the model and lose their beginning", too_long, len(cut))
        if not self._packable(max(len(request.inputs) for request in cut)):
            return super()._loglikelihood_tokens(requests, disable_tqdm=disable_tqdm, override_bs=override_bs)
        scores: dict[int, Score] = {}
        for pack in _packs(cut, pack_tokens(self.device.type)):
            scores.update(self._score(pack, cut))
        return [scores[index] for index in range(len(cut))]

    def _packable(self, longest: int) -> bool:
        config = self.model.config
        window = getattr(config, "sliding_window", None)
        return (
            config.model_type in PACKABLE
            and config._attn_implementation in _ATTENTION
            and (window is None or longest <= window)  # a mask of ours would replace the window's
        )

    def _score(self, pack: _Pack, requests: Sequence[_Request]) -> dict[int, Score]:
        scored = sorted({node for nodes in pack.nodes for node in nodes})
        logits = self._logits(pack.trie, scored)  # (scored, vocabulary)
        row = {node: index for index, node in enumerate(scored)}
        lengths = [len(nodes) for nodes in pack.nodes]
        rows = torch.tensor([row[node] for nodes in pack.nodes for node in nodes], device=self.device)
        targets = torch.tensor(
            [token for member in pack.members for token in requests[member].targets], device=self.device
        )
        logprobs = (logits[rows, targets].float() - log_normalizer(logits)[rows]).cpu().split(lengths)
        likeliest = logits.max(-1).indices  # argmax says the same and takes thrice as long in bfloat16
        greedy = (likeliest[rows] == targets).cpu().split(lengths)
        return {
            member: (float(logprob.sum()), bool(hits.all()))
            for member, logprob, hits in zip(pack.members, logprobs, greedy, strict=True)
        }

    def _logits(self, trie: TokenTrie, nodes: list[int]) -> Tensor:
        mask = torch.zeros(len(trie), len(trie), dtype=self.model.dtype)
        mask.masked_fill_(~trie.visible(), torch.finfo(mask.dtype).min)
        return self.model(
            input_ids=torch.tensor([trie.tokens], device=self.device),
            attention_mask=mask[None, None].to(self.device),
            position_ids=trie.positions()[None].to(self.device),
            logits_to_keep=torch.tensor(nodes, device=self.device),
            use_cache=False,
        ).logits[0]


def _packs(requests: Sequence[_Request], size: int) -> Iterator[_Pack]:
    """Cut the requests into packs of about `size` tokens, neighbours in alphabetical order of tokens together.

    A full pack still takes a request that shares more than it adds (few-shot examples before each item), up
    to twice the longest request: tokens that cannot see each other cost attention all the same.
    """
    most = max(size, 2 * max(len(request.inputs) for request in requests))
    pack = _Pack(TokenTrie(), [], [])
    for index in sorted(range(len(requests)), key=lambda index: requests[index].inputs):
        request = requests[index]
        shared = pack.trie.shared(request.inputs)
        new = len(request.inputs) - shared
        full = len(pack.trie) + new > (most if shared > new else size)
        if full and pack.members:
            yield pack
            pack = _Pack(TokenTrie(), [], [])
        nodes = pack.trie.add(request.inputs)
        pack.members.append(index)
        pack.nodes.append(nodes[-len(request.targets) :])
    if pack.members:
        yield pack
