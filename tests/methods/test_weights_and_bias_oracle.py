"""-Weights, Bias and -Bias: what goes is the largest weights, or whole outputs by their bias."""

import numpy as np
import pytest

from prunebench.errors import NotApplicable
from tests.methods.harness import KINDS, PRUNED, prune
from tests.oracles import lowest, random_weight

LEVELS = ("u01", "u05", "u10", "u37", "u50", "u90", "u95", "u99")


@pytest.mark.parametrize("token", [*PRUNED, "u01", "u99", "n3m5", "n1m2"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_weights_of_the_whole_matrix_go(kind, bias, token):
    weight = random_weight(24, 40, seed=1)
    weight[:12] *= 0.3
    result = prune("neg_weights", kind, weight, token, bias=bias)
    if token.startswith("u"):
        due = int(weight.size * int(token[1:]) / 100)
        order = sorted(np.ndindex(weight.shape), key=lambda cell: -abs(float(weight[cell])))
        expected = np.zeros(weight.shape, dtype=bool)
        for cell in order[:due]:
            expected[cell] = True
    else:
        n, m = (int(part) for part in token[1:].split("m"))
        expected = np.zeros(weight.shape, dtype=bool)
        for r in range(len(weight)):
            for start in range(0, 40, m):
                group = sorted(range(start, start + m), key=lambda c: -abs(float(weight[r, c])))
                expected[r, group[:n]] = True
    np.testing.assert_array_equal(result.weight, np.where(expected, 0, weight))
    result.assert_bias_unchanged()


def test_it_is_the_opposite_of_magnitude():
    weight = random_weight(16, 40, seed=2)
    largest, smallest = (prune(method, "Linear", weight, "u50").mask for method in ("neg_weights", "magnitude"))
    np.testing.assert_array_equal(largest, ~smallest)
    np.testing.assert_array_equal(smallest, lowest(np.abs(weight), "matrix", PRUNED["u50"]))


@pytest.mark.parametrize("token", LEVELS)
@pytest.mark.parametrize(("method", "sign"), [("bias", 1), ("neg_bias", -1)])
@pytest.mark.parametrize("kind", KINDS)
def test_whole_outputs_go_by_the_size_of_their_bias(kind, method, sign, token):
    weight = random_weight(31, 24, seed=3)
    result = prune(method, kind, weight, token, bias=True)
    sizes = [sign * abs(float(b)) for b in result.bias_before]
    gone = sorted(range(31), key=lambda r: sizes[r])[: int(31 * int(token[1:]) / 100)]
    expected = weight.copy()
    expected[gone] = 0
    np.testing.assert_array_equal(result.weight, expected)
    result.assert_bias_unchanged()


@pytest.mark.parametrize("method", ["bias", "neg_bias"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_bias_they_do_not_apply(kind, method):
    with pytest.raises(NotApplicable, match=r"^no bias in \S+ \(only= can leave such layers out\)$"):
        prune(method, kind, random_weight(4, 8, seed=4), "u50", bias=False)
