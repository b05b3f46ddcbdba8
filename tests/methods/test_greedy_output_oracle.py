"""The second-moment metric against the published formula, term by term in double precision."""

import math

import numpy as np
import pytest
import torch

from prunebench.engine.statistics import InputStatistics
from prunebench.models.units import unit_modules
from prunebench.plugins.loader import call_with_extras, load_method
from tests.oracles import METHODS_FOLDER
from tests.tiny_models import tiny_model

TOKENS, HEAD_DIM = 30, 16


def statistics(*batches):
    inputs = InputStatistics(["gram"], False)
    for batch in batches:
        inputs.update(torch.from_numpy(batch)[None], 1)
    return inputs


def score(module, inputs, module_inputs):
    method = load_method("greedy_output", [METHODS_FOLDER])
    found = call_with_extras(method.function, {"module_inputs": module_inputs}, module, inputs)
    return found.double().numpy()


def second_moment(a, X):
    """a^T E[x x^T] a over the rows x of X."""
    return math.fsum(
        a[i] * a[j] * math.fsum(x[i] * x[j] for x in X) / len(X) for i in range(len(a)) for j in range(len(a))
    )


def weights(module, end):
    view = next(view for name, view in module.linears.items() if name.endswith(end))
    return view.weight.double().numpy(), None if view.bias is None else view.bias.double().numpy()


@pytest.mark.parametrize(
    ("model_type", "entrance", "exit_"),
    [
        ("llama", ["gate_proj", "up_proj"], "down_proj"),
        ("opt", ["fc1"], "fc2"),
        ("gpt2", ["c_fc"], "c_proj"),
    ],
)
def test_mlps(model_type, entrance, exit_):
    module = unit_modules(tiny_model(model_type))[1][1]
    X = np.random.default_rng(3).normal(size=(TOKENS, 64)) + 0.3
    found = score(module, statistics(np.zeros((1, module.units))), statistics(X[:10], X[10:]))
    B = weights(module, exit_)[0]
    for unit in range(0, module.units, 23):
        wanted = math.prod(
            math.fsum(b * b for b in B[:, unit]) * second_moment(weights(module, name)[0][unit], X) for name in entrance
        )
        assert found[unit] == pytest.approx([wanted], rel=1e-3)
    assert np.ptp(found) > 0


@pytest.mark.parametrize("model_type", ["llama", "opt", "gpt2"])
def test_attention_sees_the_hidden_states_that_its_heads_mix(model_type):
    """By appendix 7.1: of each query head, Xhat = softmax(...) X, A a row of v, B the column of o it feeds."""
    module = unit_modules(tiny_model(model_type))[1][0]
    rng = np.random.default_rng(5)
    heads, per_unit = module.units * module.heads_per_unit, module.heads_per_unit
    X = rng.normal(size=(TOKENS, 64)) + 0.2
    maps = np.tril(rng.exponential(size=(heads, TOKENS, TOKENS)))
    maps /= maps.sum(-1, keepdims=True)
    if model_type == "gpt2":
        fused, bias = weights(module, "c_attn")
        V, bias = fused[128:], bias[128:]
    else:
        V, bias = weights(module, "v_proj")
    bias = np.zeros(len(V)) if bias is None else bias
    O = weights(module, module.output.name)[0]  # noqa: E741
    reads, wanted = np.zeros((TOKENS, heads * HEAD_DIM)), np.zeros(heads * HEAD_DIM)
    for head in range(heads):
        mixed = maps[head] @ X
        for channel in range(HEAD_DIM):
            column, row = head * HEAD_DIM + channel, (head // per_unit) * HEAD_DIM + channel
            reads[:, column] = mixed @ V[row] + bias[row]
            # The bias is one more input that is always 1.
            moment = second_moment(np.append(V[row], bias[row]), np.column_stack([mixed, np.ones(TOKENS)]))
            wanted[column] = math.fsum(o * o for o in O[:, column]) * moment
    found = score(module, statistics(reads[:7], reads[7:]), statistics(X))
    assert found.shape == (module.units, per_unit * HEAD_DIM)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-3)
