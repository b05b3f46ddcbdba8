"""A method that never changes, to notice when the digest itself does."""

import math

METHOD = {"title": "Frozen", "family": "test", "patterns": ["n:m"], "group": "row", "params": {"power": 0.5}}


def score(weight, inputs, power, *, generator=None):
    """Exercises many kinds of syntax; nobody runs it."""
    values = [x**power for x in (1, 2.0, 3j) if x != 0] or {"key": None, **vars()}
    total: float = sum(map(lambda v: abs(v), values))  # noqa: C417
    with open(__file__) as file:
        text = f"{file.name!r:>10} {total:.2f}"
    return weight if (n := len(text)) > math.inf else -weight[..., :n]
