"""Sweep paths are read back as they were written."""

import random
import re
from itertools import product

import pytest

from prunebench.layout import Sweep, sweep_pattern


@pytest.mark.parametrize("method", ["wanda", "wanda@nsamples=32", "sparsegpt@damping=0.1,block=64"])
def test_sweep_paths_round_trip(method):
    sweep = Sweep("laptop-512", "smollm2-135m", method, 3)
    assert Sweep.parse(sweep.path) == sweep
    assert sweep.patch("u50").as_posix() == f"results/pruned/laptop-512/smollm2-135m/{method}/seed3/u50.safetensors"


def test_a_path_that_is_no_sweep_is_refused():
    with pytest.raises(ValueError, match="not a sweep"):
        Sweep.parse("laptop-512/smollm2-135m/wanda")


METHODS = ("wanda", "wanda@nsamples=3", "wanda@nsamples=32", "std@a=0.1,b=+2")


@pytest.mark.parametrize("seed", range(20))
def test_a_pattern_of_sweeps_matches_these_and_no_other(seed):
    everything = [Sweep("p", *rest) for rest in product(("m", "m-1", "m.1"), METHODS, (0, 1, 10))]
    chance = random.Random(seed)
    chosen = chance.sample(everything, k=chance.randint(1, len(everything)))
    pattern = re.compile(sweep_pattern(chosen))
    assert {sweep for sweep in everything if pattern.fullmatch(sweep.path)} == set(chosen)


def test_a_pattern_names_each_model_method_and_seed_once_where_all_are_combined():
    sweeps = [Sweep("p", f"model{m}", f"method{i}", s) for m, i, s in product(range(5), range(40), range(5))]
    pattern = sweep_pattern([*sweeps, Sweep("p", "model0", "dense", 0)])
    assert len(pattern) < 2 * 40 * len("method10|") + 300
