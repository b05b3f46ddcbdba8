"""`estimate` says what a run would take, without running any of it."""

from pathlib import Path

import pytest
import yaml

from prunebench.config.strict import read_yaml
from tests.cli.conftest import Run

CONFIG = """\
protocol: laptop-512
models: [smollm2-135m, opt-125m]
methods: [wanda, flap]
targets: [u50, s20]
evaluate: [perplexity, generation]
"""


@pytest.fixture
def small(project: Path) -> Path:
    (project / "config/small.yaml").write_text(CONFIG)
    return Path("config/small.yaml")


def test_a_table_by_model_and_the_whole_in_one_line(run: Run, small: Path) -> None:
    result = run("estimate", "--configfile", str(small), "--cores", "4", "--no-gpu")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split() == ["model", "to", "compute", "prune", "perplexity", "generation", "assets", "disk"]
    assert lines[1].split()[:4] == ["smollm2-135m", "3", "of", "3"]
    assert lines[2].split()[:4] == ["opt-125m", "3", "of", "3"]
    assert lines[-1].startswith("estimate: 6 of 6 cells to compute, about ")
    assert "on 4 cores, " in lines[-1]
    assert lines[-1].endswith("all from the FLOPs model")


def test_a_gpu_that_is_not_here_can_be_asked_for(run: Run, small: Path) -> None:
    assert "GPU-hours" in run("estimate", "--configfile", str(small), "--gpu").out


def test_a_model_of_unknown_size_gets_a_sentence(run: Run, small: Path) -> None:
    registry = read_yaml(Path("config/models.yaml"))
    del registry["opt-125m"]["shape"]
    Path("config/models.yaml").write_text(yaml.safe_dump(registry))
    result = run("estimate", "--configfile", str(small))
    assert result.code == 0
    assert result.out.splitlines()[2].split() == ["opt-125m", "3", "of", "3", "?", "?", "?", "?", "?"]
    assert "opt-125m: unknown size; give `shape` in its entry of the model registry" in result.out


def test_a_config_that_is_not_valid_is_an_error_of_one_line(run: Run, small: Path) -> None:
    small.write_text(CONFIG.replace("wanda", "wonda"))
    result = run("estimate", "--configfile", str(small))
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "wonda" in result.err
