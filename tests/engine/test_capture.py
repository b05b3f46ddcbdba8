"""Running the captured blocks one after another is the model's own forward, for every architecture."""

import pytest
import torch

from prunebench.engine.capture import capture_block_calls
from prunebench.models.architectures import ARCHITECTURES, architecture_of
from tests.tiny_models import random_ids, tiny_model


def _block_outputs(model, blocks, ids):
    """What each block really outputs during a plain forward, by forward hooks."""
    outputs = []
    hooks = [
        block.register_forward_hook(lambda module, args, out: outputs.append(out[0] if isinstance(out, tuple) else out))
        for block in blocks
    ]
    with torch.no_grad():
        model(ids, use_cache=False)
    for hook in hooks:
        hook.remove()
    return outputs


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_captured_calls_reproduce_the_models_forward(model_type):
    model, ids = tiny_model(model_type), random_ids()
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    expected = _block_outputs(model, blocks, ids)

    hidden, calls = capture_block_calls(model, blocks, ids)
    for block, call, output in zip(blocks, calls, expected, strict=True):
        hidden = call.run(block, hidden)
        torch.testing.assert_close(hidden, output, rtol=0, atol=0)


def test_capture_leaves_the_model_as_it_was():
    model, ids = tiny_model("llama"), random_ids()
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    before = model(ids).logits
    capture_block_calls(model, blocks, ids)
    assert all("forward" not in vars(block) for block in blocks)
    assert torch.equal(model(ids).logits, before)


def test_capture_restores_the_blocks_when_the_model_fails():
    model = tiny_model("llama")
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    with pytest.raises(IndexError):
        capture_block_calls(model, blocks, torch.tensor([[10_000]]))
    assert all("forward" not in vars(block) for block in blocks)


def test_capture_computes_no_block():
    model, ids = tiny_model("llama"), random_ids()
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    ran = []
    for block in blocks:
        block.self_attn.register_forward_pre_hook(lambda *a: ran.append(1))
    capture_block_calls(model, blocks, ids)
    assert not ran
