"""Text that the model writes: its own distribution, nothing left over in the cache, the same for the same seed."""

import pytest
import torch

from prunebench.engine.self_written import self_written
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.tiny_models import random_ids, tiny_model

CPU = torch.device("cpu")


@pytest.mark.parametrize("model_type", ["llama", "gemma3_text", "opt", "gpt2", "gpt_neox"])
def test_every_token_is_drawn_from_what_the_model_gives_all_before_it(model_type):
    model = tiny_model(model_type)
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(8)  # a distribution that depends on the context
    written = self_written(model, 3, 12, torch.Generator().manual_seed(5), CPU)
    generator = torch.Generator().manual_seed(5)
    torch.randint(97, (3, 1), generator=generator)
    ids = torch.full((3, 1), model.config.bos_token_id)
    for _ in range(11):
        chances = model(ids, use_cache=False).logits[:, -1].softmax(-1)
        ids = torch.cat([ids, torch.multinomial(chances, 1, generator=generator)], 1)
    assert torch.equal(written, ids)


def test_without_a_token_that_begins_texts_a_random_one_does():
    model = tiny_model("llama")
    model.config.bos_token_id = None
    written = self_written(model, 40, 3, torch.Generator().manual_seed(0), CPU)
    assert written.shape == (40, 3)
    assert len(written[:, 0].unique()) > 5
    assert 0 <= written.min() <= written.max() < 97


def test_any_method_can_be_calibrated_with_it_and_needs_no_text(tmp_path):
    dense = tiny_model("llama")

    def pruned(spec, ids, seed=0):
        return prune_cell(dense, load_method(spec, ["methods"]), Target.parse("u50"), ids, seed).model.state_dict()

    def same(a, b):
        return all(torch.equal(tensor, b[name]) for name, tensor in a.items())

    one = pruned("wanda@data=self", random_ids(seed=1))
    assert same(one, pruned("wanda@data=self", random_ids(seed=2)))
    assert not same(one, pruned("wanda@data=self", random_ids(seed=1), seed=1))
    assert not same(one, pruned("wanda@data=calibration", random_ids(seed=1)))
    assert same(pruned("wanda", random_ids(seed=1)), pruned("wanda@data=calibration", random_ids(seed=1)))
