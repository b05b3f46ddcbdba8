"""`prune_lowest` against a Python sort per group, on matrices full of ties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from prunebench.errors import ContractError
from prunebench.sparsity.select import prune_lowest
from prunebench.targets import Target
from tests.oracles import Pruned, lowest, lowest_whole

TIED = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1e-30, 3.0])
SMALL = st.tuples(st.integers(1, 6), st.integers(1, 12))
ACROSS_BLOCKS = st.tuples(st.integers(1, 3), st.sampled_from([127, 128, 129, 200, 256, 300]))


def saliencies(shapes):
    """Mostly ties, or all different, in float32."""
    tied = hnp.arrays(np.float32, shapes, elements=TIED, fill=st.nothing())
    distinct = hnp.arrays(np.float32, shapes, elements=st.floats(0, 1e6, width=32), fill=st.nothing())
    return st.one_of(tied, distinct)


@given(saliencies(SMALL), st.sampled_from(["row", "matrix", "block128"]), st.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_unstructured_selection_is_the_k_lowest_with_ties_to_the_first(saliency, group, percent):
    target = Target.parse(f"u{percent:02d}")
    mask = prune_lowest(torch.from_numpy(saliency), target, group)
    np.testing.assert_array_equal(mask.numpy(), lowest(saliency, group, Pruned(target.sparsity)))


@given(saliencies(SMALL), st.sampled_from(["outputs", "inputs"]), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_whole_rows_and_columns_go_by_their_sums_with_ties_to_the_first(saliency, group, percent):
    target = Target.parse(f"u{percent:02d}")
    mask = prune_lowest(torch.from_numpy(saliency), target, group)
    np.testing.assert_array_equal(mask.numpy(), lowest_whole(saliency, group, target.sparsity))


@pytest.mark.parametrize("group", ["outputs", "inputs"])
def test_whole_rows_and_columns_have_no_n_of_m(group):
    with pytest.raises(ContractError, match="cannot be 2:4"):
        prune_lowest(torch.rand(4, 8), Target.parse("n2m4"), group)


@given(ACROSS_BLOCKS, st.integers(0, 2**32 - 1), st.integers(1, 99), st.booleans())
@settings(max_examples=40, deadline=None)
def test_blocks_of_128_columns_are_selected_separately(shape, seed, percent, tied):
    rng = np.random.default_rng(seed)
    saliency = rng.integers(0, 4, shape) if tied else rng.random(shape)
    saliency = saliency.astype(np.float32)
    target = Target.parse(f"u{percent:02d}")
    mask = prune_lowest(torch.from_numpy(saliency), target, "block128")
    np.testing.assert_array_equal(mask.numpy(), lowest(saliency, "block128", Pruned(target.sparsity)))


@given(st.data(), st.sampled_from(["row", "matrix", "block128"]))
@settings(max_examples=200, deadline=None)
def test_n_of_m_prunes_the_n_lowest_of_every_m_whatever_the_group(data, group):
    m = data.draw(st.integers(2, 8))
    n = data.draw(st.integers(1, m - 1))
    shape = (data.draw(st.integers(1, 5)), m * data.draw(st.integers(1, 6)))
    saliency = data.draw(saliencies(st.just(shape)))
    target = Target.parse(f"n{n}m{m}")
    mask = prune_lowest(torch.from_numpy(saliency), target, group).numpy()
    np.testing.assert_array_equal(mask, lowest(saliency, group, Pruned(n / m, n, m)))
    assert (mask.reshape(shape[0], -1, m).sum(-1) == n).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_ties_of_a_coarse_dtype_never_change_the_count(dtype):
    saliency = torch.rand(16, 96, generator=torch.Generator().manual_seed(0)).to(dtype)
    for group in ("row", "matrix"):
        mask = prune_lowest(saliency, Target.parse("u37"), group)
        expected = lowest(saliency.double().numpy(), group, Pruned(0.37))
        np.testing.assert_array_equal(mask.numpy(), expected)


@pytest.mark.parametrize(
    ("group", "values", "message"),
    [
        ("row", [0.0, float("nan")], "the saliency has 2 NaN of 4"),
        ("outputs", [float("inf"), float("-inf")], "infinities of both signs"),
        ("matrix", [True, False], r"of torch\.bool, and has to be of a floating-point type"),
    ],
)
def test_saliencies_that_have_no_order_are_refused(group, values, message):
    with pytest.raises(ContractError, match=message):
        prune_lowest(torch.tensor([values, values]), Target.parse("u50"), group)


def test_an_infinite_saliency_protects_a_weight():
    saliency = torch.tensor([[float("inf"), 3.0, 1.0, 2.0]])
    assert prune_lowest(saliency, Target.parse("u75"), "row").tolist() == [[False, True, True, True]]
