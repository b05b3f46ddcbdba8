"""The ten ideas of a language model: each prunes what its description says, by an independent computation."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from prunebench.plugins import loader
from prunebench.plugins.header import find_methods, read_header
from tests.methods import harness
from tests.methods.harness import KINDS, Result
from tests.oracles import (
    METHODS_FOLDER,
    Array,
    Pruned,
    assert_lowest,
    correlated_samples,
    lowest,
    lowest_whole,
    output_error,
    random_weight,
    wanda_norm,
)

SHAPE = (24, 40)
WEIGHT = random_weight(*SHAPE, seed=1)
SAMPLES = correlated_samples(SHAPE[1], [17, 30, 25], seed=2)
GRADIENTS = [0.05 * random_weight(*SHAPE, seed=seed) for seed in (3, 4, 5)]
TOKENS = {"u50": Pruned(0.5), "u37": Pruned(0.37), "n2m4": Pruned(0.5, 2, 4)}
TABLE_4 = METHODS_FOLDER.parent / "papers/improved-pruning/reference/table4.csv"


@pytest.fixture(autouse=True)
def shipped_ones_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """These files were read by people; inside and outside the sandbox is compared elsewhere."""

    def load(spec: str, folders: list[Path]) -> loader.Method:
        return loader.load_method(spec, folders, untrusted=loader.import_function)

    monkeypatch.setattr(harness, "load_method", load)


def prune(method: str, token: str, kind: str = "Linear", seed: int = 0, weight: Array = WEIGHT) -> Result:
    return harness.prune(method, kind, weight, token, samples=SAMPLES, gradients=GRADIENTS, seed=seed)


def test_the_headers_say_what_the_paper_reports() -> None:
    with TABLE_4.open(newline="") as file:
        published = {line["method"]: line["published"] for line in csv.DictReader(file) if line["draft"] == "second"}
    files = find_methods([METHODS_FOLDER])
    assert sorted(published) == sorted(name for name in files if name.startswith("aigc_"))
    for name, status in published.items():
        header = read_header(files[name])
        assert header.origin == "llm-idea"
        assert header.published is not None
        assert header.published.status == status
        assert header.published.cause


def first_order(r: int, c: int) -> float:
    return math.fsum(abs(float(WEIGHT[r, c]) * float(g[r, c])) for g in GRADIENTS)


def gradient_norm(r: int, c: int) -> float:
    return math.sqrt(math.fsum(float(g[r, c]) ** 2 for g in GRADIENTS))


def penalty(r: int, c: int) -> float:
    return math.fsum(float(g[r, c]) ** 2 for g in GRADIENTS) * float(WEIGHT[r, c]) ** 2


def signal_to_noise(r: int, c: int) -> float:
    precision = math.fsum(float(x[:, c].astype(np.float64) @ x[:, c]) for x in SAMPLES)
    precision += 1 / float((WEIGHT.astype(np.float64) ** 2).mean())
    return float(WEIGHT[r, c]) ** 2 * precision


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize(
    ("method", "saliency"),
    [("aigc_01", first_order), ("aigc_07", signal_to_noise), ("aigc_08", gradient_norm), ("aigc_09", penalty)],
)
def test_the_lowest_of_the_layer_go(method, saliency, token, kind) -> None:
    result = prune(method, token, kind)
    scores = np.zeros(SHAPE)
    for r, c in np.ndindex(SHAPE):
        scores[r, c] = saliency(r, c)
    assert assert_lowest(result.mask, scores, "matrix", TOKENS[token], tie=1e-5) == 0
    np.testing.assert_array_equal(result.weight, np.where(result.mask, 0, WEIGHT))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "group"), [("aigc_02", "outputs"), ("aigc_03", "inputs")])
def test_whole_rows_or_columns_of_smallest_norm_go(method, group, kind) -> None:
    for token, fraction in (("u50", 0.5), ("u37", 0.37)):
        expected = lowest_whole(np.abs(WEIGHT.astype(np.float64)), group, fraction)
        np.testing.assert_array_equal(prune(method, token, kind).mask, expected)


def test_clusters_of_small_weights_go_first_and_their_most_typical_before_the_rest() -> None:
    sizes = np.array([1.0, 1.1, 1.3, 5.0, 5.1, 5.6, 9.0, 9.2, 9.7, 9.8], np.float32)
    weight = sizes[[3, 0, 9, 6, 1, 4, 8, 2, 7, 5]][None].repeat(2, 0)  # 20 weights, three clusters of 6, 6 and 8
    result = prune("aigc_04@clusters=3", "u45", weight=weight)  # 9 go: the first cluster and half of the second
    assert result.mask.sum() == 9
    assert result.mask[weight < 2].all()
    assert not result.mask[weight > 6].any()
    # The second centre is 5.233: 5.1 is nearest, then 5.0, then 5.6.
    assert result.mask[weight == np.float32(5.1)].all()
    assert result.mask[weight == np.float32(5.0)].sum() == 1
    assert not result.mask[weight == np.float32(5.6)].any()


@pytest.mark.parametrize("method", ["aigc_05", "aigc_06"])
def test_random_ones_follow_the_seed_and_nothing_else(method) -> None:
    first = prune(method, "u50", seed=1).mask
    np.testing.assert_array_equal(first, prune(method, "u50", seed=1, weight=WEIGHT[::-1].copy()).mask)
    assert (first != prune(method, "u50", seed=2).mask).any()
    assert first.sum() == WEIGHT.size // 2


def test_the_pattern_is_repeated_every_few_rows_and_differs_within() -> None:
    mask = prune("aigc_06@rows=8", "u50").mask
    np.testing.assert_array_equal(mask[:8], mask[8:16])
    np.testing.assert_array_equal(mask[:8], mask[16:])
    assert len({row.tobytes() for row in mask[:8]}) > 1


@pytest.mark.parametrize("token", TOKENS)
def test_reinforcement_begins_as_wanda_within_the_layer_and_only_gets_better(token) -> None:
    scores = np.abs(WEIGHT) * wanda_norm(SAMPLES)
    start = prune("aigc_10@episodes=0", token)
    assert assert_lowest(start.mask, scores, "matrix", TOKENS[token], tie=1e-5) == 0
    learned = prune("aigc_10", token)
    assert learned.mask.sum() == start.mask.sum() == lowest(scores, "matrix", TOKENS[token]).sum()
    np.testing.assert_array_equal(learned.weight, np.where(learned.mask, 0, WEIGHT))
    errors = [output_error(WEIGHT, result.weight, SAMPLES) for result in (start, learned)]
    assert errors[1] < errors[0]
    np.testing.assert_array_equal(learned.mask, prune("aigc_10", token).mask)
