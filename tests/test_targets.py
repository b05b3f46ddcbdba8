"""Target tokens are read back as they were written, and odd ones are refused with an example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunebench.errors import PrunebenchError
from prunebench.targets import DENSE, Target

tokens = st.one_of(
    st.integers(0, 99).map(lambda p: f"u{p:02d}"),
    st.integers(1, 99).map(lambda p: f"s{p:02d}"),
    st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda t: f"n{t[0]}m{t[0] + t[1]}"),
)


@given(tokens)
def test_tokens_round_trip(token):
    target = Target.parse(token)
    assert target.token == token
    assert 0 <= target.sparsity < 1


@pytest.mark.parametrize(
    ("token", "pattern", "sparsity", "label"),
    [
        ("u50", "unstructured", 0.5, "50%"),
        ("u01", "unstructured", 0.01, "1%"),
        ("n2m4", "n:m", 0.5, "2:4"),
        ("n1m4", "n:m", 0.25, "1:4"),
        ("s20", "structured", 0.2, "20% structured"),
    ],
)
def test_meaning_of_tokens(token, pattern, sparsity, label):
    target = Target.parse(token)
    assert (target.pattern, target.sparsity, target.label) == (pattern, sparsity, label)


def test_u00_is_the_dense_target():
    assert Target.parse("u00") == DENSE


@pytest.mark.parametrize("token", ["", "50", "u5", "u100", "u0.5", "n4m4", "n0m4", "n5m4", "s00", "U50", "2:4"])
def test_odd_tokens_are_refused(token):
    with pytest.raises(PrunebenchError, match="target"):
        Target.parse(token)
