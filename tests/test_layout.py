"""Sweep paths are read back as they were written."""

import pytest

from prunebench.layout import Sweep


@pytest.mark.parametrize("method", ["wanda", "wanda@nsamples=32", "sparsegpt@damping=0.1,block=64"])
def test_sweep_paths_round_trip(method):
    sweep = Sweep("laptop-512", "smollm2-135m", method, 3)
    assert Sweep.parse(sweep.path) == sweep
    assert sweep.patch("u50").as_posix() == f"results/pruned/laptop-512/smollm2-135m/{method}/seed3/u50.safetensors"


def test_a_path_that_is_no_sweep_is_refused():
    with pytest.raises(ValueError, match="not a sweep"):
        Sweep.parse("laptop-512/smollm2-135m/wanda")
