"""`prune_cell` against the reference protocol written out naively: whole-model forwards, one per block.

The oracle never captures or replays blocks. To prune block i it runs the whole model, in which the blocks before i
are already pruned, with hooks on block i's linears; it prunes all of them together and goes on to the next block.
"""

import copy
from collections import Counter

import numpy as np
import pytest
import torch

from prunebench.engine.statistics import InputStatistics
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.oracles import (
    METHODS_FOLDER,
    TINY,
    Pruned,
    assert_lowest,
    decoder_blocks,
    linears_in,
    lowest,
    mean_and_variance,
    sparsegpt,
    wanda_norm,
    weight_of,
)

METHODS = ("random", "magnitude", "wanda", "sparsegpt", "stade", "stade_nobias")
SAMPLES, LENGTH = 5, 24
AFTER_A_NORM = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "fc1", "c_attn", "c_fc")
TARGETS = {"u50": Pruned(0.5), "u37": Pruned(0.37), "n2m4": Pruned(0.5, 2, 4), "n4m8": Pruned(0.5, 4, 8)}


@pytest.fixture(params=sorted(TINY))
def family(request):
    return request.param


@pytest.fixture
def calibration():
    return torch.randint(0, 64, (SAMPLES, LENGTH), generator=torch.Generator().manual_seed(1))


def load(name):
    return load_method(name, [METHODS_FOLDER])


@torch.no_grad()
def inputs_of(model, linears, calibration):
    """What each linear sees while the whole model reads each sample."""
    seen = {name: [] for name in linears}

    def keep(name):
        def hook(_, args):
            seen[name].append(args[0].reshape(-1, args[0].shape[-1]).double().numpy().copy())

        return hook

    handles = [layer.register_forward_pre_hook(keep(name)) for name, layer in linears.items()]
    for sample in calibration:
        model(sample[None], use_cache=False)
    for handle in handles:
        handle.remove()
    return seen


def wanda_scores(model, linears, calibration):
    return {
        name: np.abs(weight_of(linears[name]).astype(np.float64)) * wanda_norm(samples)
        for name, samples in inputs_of(model, linears, calibration).items()
    }


@pytest.mark.parametrize("token", sorted(TARGETS))
def test_wanda_masks_are_those_of_the_whole_model_protocol(family, token, calibration):
    dense = TINY[family]()
    pruned = TARGETS[token]
    ours = prune_cell(dense, load("wanda"), Target.parse(token), calibration, seed=0).model
    reference = copy.deepcopy(dense)
    cells = differing = from_dense_inputs = one_after_another = 0
    for (name, block), (_, our_block) in zip(decoder_blocks(reference), decoder_blocks(ours), strict=True):
        linears, our_linears = linears_in(name, block), linears_in(name, our_block)
        masks = {}
        for layer, scores in wanda_scores(reference, linears, calibration).items():
            before, after = weight_of(linears[layer]), weight_of(our_linears[layer])
            assert (before != 0).all()
            masks[layer] = after == 0
            np.testing.assert_array_equal(after[~masks[layer]], before[~masks[layer]])
            differing += assert_lowest(masks[layer], scores, "row", pruned, tie=1e-5)
            cells += scores.size
        # The two nearest wrong protocols must not pass for the right one: dense inputs everywhere, and pruning
        # one linear after another inside the block.
        dense_linears = linears_in(name, dense.get_submodule(name))
        for layer, scores in wanda_scores(dense, dense_linears, calibration).items():
            from_dense_inputs += (lowest(scores, "row", pruned) != masks[layer]).sum()
        last = list(linears)[-1]
        for layer in linears:
            if layer == last:
                scores = wanda_scores(reference, {layer: linears[layer]}, calibration)[layer]
                one_after_another += (lowest(scores, "row", pruned) != masks[layer]).sum()
            with torch.no_grad():
                linears[layer].weight.copy_(our_linears[layer].weight)
    print(f"{family} {token}: {differing} of {cells} cells differ, all at ties")
    assert differing <= cells * 1e-3
    assert from_dense_inputs > 0
    assert one_after_another > 0


def bias_of(layer):
    return None if getattr(layer, "bias", None) is None else layer.bias.detach().double().numpy()


def check_sparsegpt(name, before, after, samples, pruned):
    mask = weight_of(after) == 0
    expected, _, differing = sparsegpt(weight_of(before), samples, pruned, chosen=mask)
    np.testing.assert_allclose(weight_of(after), expected, rtol=0, atol=1e-3 * np.abs(expected).max(), err_msg=name)
    assert differing <= mask.size * 1e-2
    return differing


def check_stade(name, before, after, samples, pruned):
    weight = weight_of(before).astype(np.float64)
    mask = weight_of(after) == 0
    mean, variance = mean_and_variance(samples)
    if name.endswith(AFTER_A_NORM):
        differing = assert_lowest(mask, np.abs(weight) * wanda_norm(samples), "row", pruned, tie=1e-5)
        expected_bias = bias_of(before)
    else:
        columns = weight.shape[1]
        one_more = not pruned.m and bias_of(before) is None
        due = Pruned((int(columns * pruned.fraction) + 1.001) / columns) if one_more else pruned
        differing = assert_lowest(mask, weight**2 * variance, "row", due, tie=1e-4)
        expected_bias = np.where(mask, weight, 0) @ mean + (0 if bias_of(before) is None else bias_of(before))
    np.testing.assert_array_equal(weight_of(after)[~mask], weight_of(before)[~mask])
    if expected_bias is None:
        assert bias_of(after) is None
    else:
        np.testing.assert_allclose(bias_of(after), expected_bias, atol=1e-4)
    return differing


def check_magnitude(name, before, after, samples, pruned):
    expected = lowest(np.abs(weight_of(before)), "matrix", pruned)
    np.testing.assert_array_equal(weight_of(after), np.where(expected, 0, weight_of(before)))
    return 0


@pytest.mark.parametrize("token", ["u50", "n2m4"])
@pytest.mark.parametrize("check", [check_magnitude, check_sparsegpt, check_stade])
def test_the_other_methods_follow_the_same_protocol(family, check, token, calibration):
    dense = TINY[family]()
    method = check.__name__.removeprefix("check_")
    ours = prune_cell(dense, load(method), Target.parse(token), calibration, seed=0).model
    reference = copy.deepcopy(dense)
    differing = 0
    for (name, block), (_, our_block) in zip(decoder_blocks(reference), decoder_blocks(ours), strict=True):
        linears, our_linears = linears_in(name, block), linears_in(name, our_block)
        for layer, samples in inputs_of(reference, linears, calibration).items():
            differing += check(layer, linears[layer], our_linears[layer], samples, TARGETS[token])
        block.load_state_dict(our_block.state_dict(), strict=False)
        for layer in linears:
            linears[layer].bias = our_linears[layer].bias
    print(f"{method} {family} {token}: {differing} cells differ, all at ties")


@pytest.mark.parametrize("method", ["wanda", "stade", "stade_nobias"])
def test_small_fp16_weights_are_scored_in_fp32(method, calibration):
    """Squares of weights below 2.4e-4 are zero in fp16; selection among zeros would be by position."""
    dense = TINY["llama"]()
    with torch.no_grad():
        for name, layer in linears_in("model", dense.model).items():
            if name.endswith(("q_proj", "o_proj", "down_proj")):
                layer.weight.mul_(1e-4 / 0.25)
    dense = dense.half()
    for layer in linears_in("model", dense.model).values():
        layer.weight.data[layer.weight == 0] = 1e-7
    ours = prune_cell(dense, load(method), Target.parse("n2m4"), calibration, seed=0).model
    reference = copy.deepcopy(dense)
    for (name, block), (_, our_block) in zip(decoder_blocks(reference), decoder_blocks(ours), strict=True):
        linears, our_linears = linears_in(name, block), linears_in(name, our_block)
        for layer, samples in inputs_of(reference, linears, calibration).items():
            scores = weight_of(linears[layer]).astype(np.float64) ** 2
            if method == "stade" and not layer.endswith(AFTER_A_NORM):
                scores *= mean_and_variance(samples)[1]
            else:
                scores *= wanda_norm(samples) ** 2
            # The tie leaves room for stade_nobias's variance with n - 1.
            mask = weight_of(our_linears[layer]) == 0
            assert_lowest(mask, scores, "row", TARGETS["n2m4"], tie=1 / (SAMPLES * LENGTH) + 1e-4)
        block.load_state_dict(our_block.state_dict(), strict=False)
        for layer in linears:
            linears[layer].bias = our_linears[layer].bias


def test_stade_where_some_layers_are_too_narrow_for_the_sparsity(calibration):
    """1 % of 32 inputs is no weight at all: such layers keep everything and gain no bias; 1 % of 144 is one."""
    dense = TINY["llama"]()
    ours = prune_cell(dense, load("stade"), Target.parse("u01"), calibration, seed=0).model
    for name, block in decoder_blocks(dense):
        pruned = linears_in(name, ours.get_submodule(name))
        for layer, before in linears_in(name, block).items():
            if layer.endswith("down_proj"):
                assert ((pruned[layer].weight == 0).sum(1) == 2).all()
                assert pruned[layer].bias is not None
            else:
                assert torch.equal(pruned[layer].weight, before.weight)
                assert pruned[layer].bias is None


def test_everything_outside_the_prunable_weights_is_as_in_the_dense_model(family, calibration):
    dense = TINY[family]()
    prunable = {f"{n}.weight" for name, block in decoder_blocks(dense) for n in linears_in(name, block)}
    for method in METHODS:
        pruned = prune_cell(dense, load(method), Target.parse("u50"), calibration, seed=0).model
        state = pruned.state_dict()
        for name, tensor in dense.state_dict().items():
            if name not in prunable and not (method == "stade" and name.endswith("bias")):
                assert torch.equal(state[name], tensor), (method, name)
            assert state[name].dtype == tensor.dtype


@pytest.mark.parametrize("method", [*METHODS, "dense"])
def test_the_dense_model_is_left_as_it_was(family, method, calibration):
    dense = TINY[family]()
    before = {name: tensor.clone() for name, tensor in dense.state_dict().items()}
    config = dense.config.to_dict()
    with torch.no_grad():
        logits = dense(calibration[:1]).logits
    target = Target.parse("u00" if method == "dense" else "u50")
    pruned = prune_cell(dense, load(method), target, calibration, seed=0).model
    for name, tensor in dense.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert set(dense.state_dict()) == set(before)
    assert dense.config.to_dict() == config
    assert not dense.training
    for module in dense.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    with torch.no_grad():
        assert torch.equal(dense(calibration[:1]).logits, logits)
        same = torch.equal(pruned(calibration[:1]).logits, logits)
    assert same == (method == "dense")


@pytest.fixture
def block_tokens(family, monkeypatch):
    """Counts calls and tokens that pass through each decoder block of any model of the family's class."""
    calls, tokens = Counter(), Counter()
    kind = type(decoder_blocks(TINY[family](1))[0][1])
    forward = kind.forward

    def counting(self, hidden_states, *args, **kwargs):
        index = next(m.layer_idx for m in self.modules() if hasattr(m, "layer_idx"))
        calls[index] += 1
        tokens[index] += hidden_states.shape[:-1].numel()
        return forward(self, hidden_states, *args, **kwargs)

    monkeypatch.setattr(kind, "forward", counting)
    return calls, tokens


@pytest.mark.parametrize("method", ["wanda", "sparsegpt", "stade", "stade_nobias"])
def test_each_block_is_run_at_most_twice_per_calibration_sample(family, method, calibration, block_tokens):
    calls, tokens = block_tokens
    prune_cell(TINY[family](), load(method), Target.parse("u50"), calibration, seed=0)
    assert sorted(calls) == [0, 1, 2]
    for block in range(3):
        assert SAMPLES * LENGTH <= tokens[block] <= 2 * SAMPLES * LENGTH
        assert calls[block] <= 2 * SAMPLES


@pytest.mark.parametrize("method", ["wanda", "sparsegpt", "stade", "stade_nobias"])
def test_inputs_shared_by_several_linears_are_gathered_once(family, method, calibration, monkeypatch):
    """Four inputs per block: queries, keys and values read one, gate and up another."""
    gathered = Counter()
    update = InputStatistics.update

    def counting(self, x, samples):
        gathered["samples"] += samples
        gathered["tokens"] += x.shape[:-1].numel()
        update(self, x, samples)

    monkeypatch.setattr(InputStatistics, "update", counting)
    prune_cell(TINY[family](), load(method), Target.parse("u50"), calibration, seed=0)
    assert gathered == {"samples": 4 * 3 * SAMPLES, "tokens": 4 * 3 * SAMPLES * LENGTH}


@pytest.mark.parametrize("method", ["random", "magnitude", "dense"])
def test_methods_that_need_no_data_run_no_block(family, method, calibration, block_tokens):
    calls, _ = block_tokens
    loaded = load(method)
    assert loaded.header.needs == []
    prune_cell(TINY[family](), loaded, Target.parse("u00" if method == "dense" else "u50"), calibration, seed=0)
    assert not calls
