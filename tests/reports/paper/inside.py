"""A made-up paper whose figures look inside of models, and a hand-made run of it."""

from itertools import combinations
from typing import Any

LAYOUT: dict[str, Any] = {
    "title": "A paper that looks inside",
    "cite": "Nobody, 2022",
    "protocols": ["exact"],
    "stand_in": {"big-llama": "small"},
    "figures": {
        "spectra": {
            "title": "Figure 1",
            "caption": "Singular values",
            "kind": "ecdf",
            "model": "real",
            "panels": [{"title": "first $layer$", "block": 0}, {"title": "last layer", "block": -1}],
            "series": [
                {"title": "dense", "method": "dense", "target": "u00"},
                {"title": "20%", "method": "fast", "target": "s20"},
                {"title": "30%", "method": "fast", "target": "s30"},
                {"title": "40%", "method": "fast", "target": "s40"},
            ],
        },
        "heads": {
            "title": "Figure 2",
            "caption": "Heads",
            "kind": "graph",
            "model": "big-llama",
            "tau": 0.2,
            "panels": [{"title": "A", "block": 4}, {"title": "B", "block": 5}, {"title": "C", "block": 6}],
        },
    },
}
# Of block 4: 0-2-3 is a chain whose ends are far apart, 1-10 a pair, 4 by itself; 0 and 4 are exactly at tau.
NEAR = {(0, 2): 0.05, (2, 3): 0.19, (1, 10): 0.1}
DISTANCES = {pair: NEAR.get(pair, 0.2 if pair == (0, 4) else 0.5) for pair in combinations((0, 1, 2, 3, 4, 10), 2)}


def _row(method: str, target: str, metric: str, dataset: str, value: Any, status: str = "ok") -> tuple[Any, ...]:
    model = "small" if metric == "head_distance" else "real"
    return model, method, target, metric, dataset, value, status, "" if status == "ok" else "slow"


ROWS = [
    *(_row("dense", "u00", "singular_value", f"block0.up@{q}", x) for q, x in (("0.5", 2), ("0", 1), ("1", 9))),
    *(_row("dense", "u00", "singular_value", f"block0.down@{q}", 77) for q in ("0", "0.5", "1")),
    *(_row("dense", "u00", "singular_value", f"block-1.up@{q}", x) for q, x in (("0", 3), ("0.5", 4), ("1", 5))),
    *(_row("fast", "s20", "singular_value", f"block0.up@{q}", x) for q, x in (("0", 0.5), ("0.5", 1), ("1", 8))),
    *(_row("fast", "s30", "singular_value", block, "", "timeout") for block in ("block0", "block-1")),
    *(_row("dense", "u00", "head_distance", f"block4:{a}-{b}", x) for (a, b), x in DISTANCES.items()),
    *(_row("dense", "u00", "head_distance", f"block5:{a}-{b}", 0.4) for a, b in combinations(range(3), 2)),
]
