"""Quality against speed and size in a real browser, against the rows of `metrics.csv` and against brute force."""

import itertools
import random

import numpy as np
import pytest

from prunebench.reports.source import Source
from tests.reports.plotted import named, scored, shown


def brute_front(points, lower_x, lower_y):
    """All points that none is at least as good as in both and better than in one."""
    sign = np.array([1 if lower else -1 for lower in (lower_x, lower_y)])
    every = [sign * point for point in points]
    return sorted(
        tuple(point)
        for point, own in zip(points, every, strict=True)
        if not any((other <= own).all() and (other < own).any() for other in every)
    )


@pytest.mark.parametrize(("lower_x", "lower_y"), list(itertools.product([True, False], repeat=2)))
def test_the_front_is_what_brute_force_finds(visit, address, lower_x, lower_y):
    tab = visit(address)
    rng = random.Random(1)
    for count in (0, 1, 2, 5, 40):
        for _ in range(10):
            points = [(rng.randint(0, 8), rng.randint(0, 8)) for _ in range(count)]  # many ties
            found = tab.evaluate(
                "([all, ...lower]) => front(all.map(([x, y]) => ({x, y})), ...lower).map(({x, y}) => [x, y])",
                [points, lower_x, lower_y],
            )
            assert sorted(map(tuple, found)) == brute_front([np.array(point) for point in points], lower_x, lower_y)
            assert [x for x, _ in found] == sorted(x for x, _ in found)


@pytest.mark.parametrize(("select", "option", "metric"), [
    ("speedup", "prefill_speedup", "perplexity/wiki-sample"), ("speedup", "decode_speedup", "acc/piqa"),
    ("room", "nonzero", "acc/piqa"), ("room", "stored", "perplexity/wiki-sample"),
])  # fmt: skip
def test_what_is_not_beaten_is_marked(visit, measured, timed, select, option, metric):
    tab = visit(measured)
    tab.select_option("#metric", metric)
    plot = {"speedup": "speed", "room": "size"}[select]
    shown(tab, plot)
    tab.select_option(f"#{select}", option)
    traces = shown(tab, plot)
    quality = scored(timed, *metric.split("/")).query("status == 'ok'").set_index(["method", "target"])["number"]
    frame = Source.read(*timed).metrics.set_index(["method", "target"])
    dense = 1.0 if select == "speedup" else 100.0
    points = {}
    for (method, target), value in quality.items():
        rows = frame.loc[[(method, target)]].set_index("metric")["number"]
        if method == "dense":
            x = dense
        elif option == "stored":
            x = rows["parameters"] / 1e6 if target.startswith("s") else 100.0
        else:
            x = 100 * (1 - rows["sparsity"]) if option == "nonzero" else rows[option]
        x = round(x, 2 if select == "speedup" else 1)  # as exact as it is shown
        points[method, target] = (x, value if metric.startswith("perplexity") else 100 * value)
    line = next(trace for trace in traces if trace["name"] == "not beaten, by value")
    drawn = [(x, y) for t in traces if t["customdata"] for x, y in zip(t["x"], t["y"], strict=True)]
    assert np.array(sorted(drawn)) == pytest.approx(np.array(sorted(points.values())), rel=1e-4)
    expected = brute_front([np.array(point) for point in points.values()], select == "room", metric.startswith("perp"))
    found = sorted(zip(line["x"], line["y"], strict=True))
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-4)
    assert f"{select}={option}" in tab.evaluate("location.hash") or option in ("prefill_speedup", "nonzero")
    assert line["line"]["shape"] == ("hv" if select == "room" else "vh")


def test_speeds_carry_their_interval(visit, measured):
    wanda = next(trace for trace in named(shown(visit(measured), "speed"), "Wanda"))
    assert wanda["error_x"]["array"] == pytest.approx([0.2] * len(wanda["x"]), abs=1e-4)
    assert wanda["error_x"]["arrayminus"] == pytest.approx([0.1] * len(wanda["x"]), abs=1e-4)


def test_a_run_without_speed_says_how_to_measure_it(visit, address):
    tab = visit(address)
    shown(tab, "size")
    assert "No speed was measured" in tab.locator("#speed-note").inner_text()
    assert tab.locator("#speed-plot .canvas").is_hidden()
    assert tab.locator("#speedup").is_hidden()
