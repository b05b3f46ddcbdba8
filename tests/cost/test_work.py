"""FLOPs are those that are counted by hand, by torch, and by the engine at work."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from prunebench.config.shape import Shape
from prunebench.cost.evaluating import evaluate_work
from prunebench.cost.pruning import prune_work
from prunebench.cost.shape import read_shape
from prunebench.cost.usage import usage_of
from prunebench.cost.work import Work, backward, forward, grams, through_blocks
from prunebench.evaluate.footprint import counted
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_copy
from prunebench.targets import Target
from tests.shipped_project import REPOSITORY
from tests.tiny_models import random_ids, tiny_model

METHODS = REPOSITORY / "methods"
# Two blocks of q, k, v, o (4 x 4 each) and gate, up, down (4 x 8): 16 * 4 + 32 * 3 = 160 weights.
SMALL = Shape(blocks=2, hidden=4, ffn=8, heads=2, vocabulary=10, gated=True)


def shape_of_tiny(model_type: str, folder) -> Shape:
    tiny_model(model_type).config.save_pretrained(folder)
    shape = read_shape(folder / "config.json")
    assert shape is not None
    return shape


def test_a_forward_by_hand() -> None:
    assert SMALL.weights == 320
    work = forward(SMALL, sequences=3, tokens=5, logits=2)
    linears, attention, head = 2 * 320 * 5, 2 * (2 * 5 * 5 * 4 + 2 * 5 * 5 * 4), 2 * 10 * 4 * 2
    assert work.products == 3 * (linears + attention + head)
    assert work.launches == 3 * 2
    assert work.reads == 3 * 320


def test_statistics_by_hand() -> None:
    assert grams(SMALL, rows=7).single == 2 * 2 * 7 * (3 * 4**2 + 8**2)


def test_sequences_that_are_read_together_are_launched_once() -> None:
    together, alone = through_blocks(SMALL, 12, 512), forward(SMALL, 12, 512)
    assert (together.products, together.launches) == (alone.products, alone.launches / 4)


@pytest.mark.parametrize("model_type", ["llama", "qwen3", "opt", "gpt2", "phi"])
def test_a_forward_is_what_torch_counts(model_type: str, tmp_path) -> None:
    model, ids = tiny_model(model_type), random_ids(1, 24)
    flops, _ = counted(model, lambda: model(input_ids=ids, use_cache=False))
    assert forward(shape_of_tiny(model_type, tmp_path), 1, 24, logits=24).products == flops


def test_a_backward_is_what_torch_counts(tmp_path) -> None:
    model, ids = tiny_model("llama", attn_implementation="eager").requires_grad_(True), random_ids(1, 24)
    with FlopCounterMode(display=False) as flops, torch.enable_grad():
        model(input_ids=ids, use_cache=False).logits.sum().backward()
    shape = shape_of_tiny("llama", tmp_path)
    assert backward(shape, 1, 24).products == pytest.approx(flops.get_total_flops(), rel=0.02)


@pytest.mark.parametrize(
    ("method", "target"),
    [("magnitude", "u50"), ("wanda", "u50"), ("stade", "u50"), ("flap", "s20"), ("llm_pruner", "s20")],
)
def test_pruning_is_what_torch_counts_of_the_engine(method: str, target: str, tmp_path) -> None:
    model, calibration = tiny_model("llama", attn_implementation="eager"), random_ids(4, 24)
    with FlopCounterMode(display=False) as flops:
        prune_copy(model, load_method(method, [METHODS]), Target.parse(target), calibration)
    usage = usage_of(method, METHODS / f"{method}.py")
    assert usage is not None
    work = prune_work(usage, shape_of_tiny("llama", tmp_path), Target.parse(target), 4, 24, 4)
    expected = work.shared.products + work.own.products
    # The last block's outputs are not computed; of three blocks that is up to a third of one of the two passes.
    assert 0.75 * expected <= flops.get_total_flops() <= 1.1 * expected


def test_what_costs_more_has_more_work() -> None:
    def total(spec: str, target: str = "u50") -> Work:
        usage = usage_of(spec, METHODS / f"{spec.partition('@')[0]}.py")
        assert usage is not None
        work = prune_work(usage, SMALL, Target.parse(target), 8, 64, 2)
        return work.shared + work.own

    assert total("wanda@allocation=owl").products > total("wanda").products > total("magnitude").products == 0
    assert total("wanda@lora=4").products > total("wanda").products
    assert total("sparsegpt").single > total("wanda").single == 0
    assert total("flap@compensation=two_step,statistics=pruned", "s20").products > total("flap", "s20").products
    assert total("admm@iterations=40").single > total("admm").single
    assert total("slicegpt", "s20").decompositions > total("shortgpt", "s20").decompositions == 0


def test_items_are_read_in_larger_packs_on_a_gpu(configured) -> None:
    protocol = configured().protocol_spec
    cpu, gpu = (
        evaluate_work("zeroshot", SMALL, protocol, {"t": 1000}, {"t": 80}, 0.0, device).own
        for device in ("cpu", "cuda")
    )
    assert (cpu.launches, gpu.launches) == (pytest.approx(80_000 / 192 * 2), pytest.approx(80_000 / 4096 * 2))


def test_a_broken_method_costs_nothing(tmp_path) -> None:
    (tmp_path / "broken.py").write_text("METHOD = ")
    assert usage_of("broken", tmp_path / "broken.py") is None
