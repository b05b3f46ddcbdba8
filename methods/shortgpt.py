"""ShortGPT: blocks that change the hidden states least are dropped. Men et al., 2024, arXiv 2403.03853."""

import torch

from prunebench.engine.capture import capture_block_calls
from prunebench.engine.sequential import calibration_batches
from prunebench.models.architectures import architecture_of
from prunebench.patches.surgery import keep_blocks
from prunebench.sparsity.depth import block_sizes, nearest_count

METHOD = {
    "title": "ShortGPT",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "men2024shortgpt",
}


@torch.no_grad()
def block_influence(model, calibration):
    """BI of each block (eq. 1): 1 - the mean over tokens of cos(input, output).  Returns a list of floats."""
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    captured = [capture_block_calls(model, blocks, ids) for ids in calibration_batches(calibration)]
    states, influence = [first for first, _ in captured], []
    for index, block in enumerate(blocks):
        outputs = [calls[index].run(block, x) for x, (_, calls) in zip(states, captured, strict=True)]
        cosines = [
            torch.nn.functional.cosine_similarity(x.double(), y.double(), dim=-1).flatten()
            for x, y in zip(states, outputs, strict=True)
        ]
        influence.append(1 - torch.cat(cosines).mean().item())
        states = outputs
    return influence


def prune_model(model, calibration, target, note):
    """Drop the blocks of lowest influence, measured once on the dense model, until the target is met best."""
    architecture, sizes = block_sizes(model)
    influence = block_influence(model, calibration)
    order = sorted(range(len(sizes)), key=lambda index: influence[index])
    count = nearest_count([sizes[index] for index in order], target)
    gone = sorted(order[:count])
    note(f"dropped blocks {' '.join(map(str, gone))} of {len(sizes)} (numbered from 0)")
    keep_blocks(model, architecture.container, [index for index in range(len(sizes)) if index not in gone])
