"""Size and FLOPs of models with pairs, shortcuts and fewer blocks, against counts by hand."""

import torch
from torch import nn

from prunebench.evaluate.footprint import counted, formula_flops
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import PrunedCell, prune_cell
from prunebench.targets import Target
from tests.evaluate.tiny import tiny_llama

TOKENS = 24
HIDDEN, FEEDFORWARD, VOCABULARY, LAYERS, HEADS, KV_HEADS, HEAD_DIM = 32, 64, 320, 2, 4, 2, 8
QUERIES, KEYS = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
SCORES = 2 * HEADS * TOKENS * TOKENS * HEAD_DIM  # queries by keys, and what comes of it by values
NORMS = (2 * LAYERS + 1) * HIDDEN


def pruned(spec: str, token: str, tied: bool = False) -> PrunedCell:
    ids = torch.arange(240).view(6, 40) * 7 % VOCABULARY
    return prune_cell(tiny_llama(tie_word_embeddings=tied), load_method(spec, ["methods"]), Target.parse(token), ids)


def flops_counted(model: nn.Module) -> int:
    ids = torch.arange(TOKENS)[None]
    with torch.no_grad():
        return counted(model, lambda: model(ids, use_cache=False))[0]


def parameters(cell: PrunedCell) -> int:
    assert cell.sparsity.size is not None
    return cell.sparsity.size.parameters


def test_a_pair_counts_as_its_two_matrices() -> None:
    for spec in ("svd_llm", "asvd"):
        cell = pruned(spec, "s50")
        # Half of out x in / (out + in): 8 of 32 x 32, 5 (of 5.33) of 16 x 32, 11 (of 10.67) of 64 x 32.
        block = 2 * 8 * (QUERIES + HIDDEN) + 2 * 5 * (KEYS + HIDDEN) + 3 * 11 * (FEEDFORWARD + HIDDEN)
        assert parameters(cell) == LAYERS * block + NORMS + 2 * VOCABULARY * HIDDEN
        assert formula_flops(cell.model) == 2 * 1024 * (LAYERS * block + NORMS + VOCABULARY * HIDDEN)
        assert flops_counted(cell.model) == 2 * (LAYERS * (TOKENS * block + SCORES) + TOKENS * VOCABULARY * HIDDEN)
        dense = HIDDEN * (2 * QUERIES + 2 * KEYS + 3 * FEEDFORWARD)
        assert cell.sparsity.measured == 1 - block / dense
        assert cell.sparsity.size is not None
        assert cell.sparsity.size.effective_without_embeddings == 1 - (LAYERS * block + NORMS) / (
            LAYERS * dense + NORMS
        )


def test_shortcuts_count_and_so_does_a_head_that_was_tied() -> None:
    for tied in (True, False):
        cell = pruned("slicegpt", "s20", tied)
        hidden = cell.model.get_input_embeddings().weight.shape[1]  # type: ignore[operator]
        assert hidden < 0.8 * HIDDEN
        reads = hidden * (QUERIES + 2 * KEYS + 2 * FEEDFORWARD)
        inner = reads + hidden * (QUERIES + FEEDFORWARD) + 2 * hidden * hidden
        last = reads + hidden * QUERIES + HIDDEN * FEEDFORWARD + hidden * hidden + hidden * HIDDEN
        norms = 2 * LAYERS * hidden + HIDDEN
        assert parameters(cell) == inner + last + norms + VOCABULARY * (hidden + HIDDEN)
        assert formula_flops(cell.model) == 2 * 1024 * (inner + last + norms + VOCABULARY * HIDDEN)
        by_hand = 2 * (TOKENS * (inner + last + VOCABULARY * HIDDEN) + LAYERS * SCORES)
        assert flops_counted(cell.model) == by_hand
        dense = LAYERS * HIDDEN * (2 * QUERIES + 2 * KEYS + 3 * FEEDFORWARD)
        assert cell.sparsity.measured == 1 - (inner + last) / dense


def test_a_dropped_block_is_gone() -> None:
    block = HIDDEN * (2 * QUERIES + 2 * KEYS + 3 * FEEDFORWARD)
    for spec in ("shortgpt", "laco@layers=2,interval=1,threshold=-1.0"):
        cell = pruned(spec, "s50")
        assert parameters(cell) == block + 3 * HIDDEN + 2 * VOCABULARY * HIDDEN
        assert formula_flops(cell.model) == 2 * 1024 * (block + 3 * HIDDEN + VOCABULARY * HIDDEN)
        assert flops_counted(cell.model) == 2 * (TOKENS * (block + VOCABULARY * HIDDEN) + SCORES)
