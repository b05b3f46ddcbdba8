"""With the shipped example of partitions, jobs on small and on large models part ways."""

import logging
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file

from prunebench.config.load import load_config
from prunebench.config.strict import read_yaml
from prunebench.cost.jobs import Costs
from prunebench.cost.requests import memory_mb, minutes
from prunebench.layout import Sweep
from tests.workflow.project import ROOT


@pytest.mark.parametrize(
    ("model", "partition"), [("smollm2-135m", "gpu"), ("llama-3.2-1b", "gpu"), ("llama-2-13b", "gpu-large")]
)
def test_a_prune_job_goes_where_its_model_fits(model: str, partition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = load_config(read_yaml(ROOT / "config" / "config.yaml"))
    costs, sweep = Costs(config, gpus=1), Sweep(config.protocol, model, "wanda", 0)
    asked = {
        "gpu": 1, "runtime": minutes(costs, sweep, "prune", config.targets),
        "mem_mb": memory_mb(costs, sweep, "prune"),
    }  # fmt: skip
    assert best(asked) == partition


def test_training_on_the_cpu_goes_where_there_are_no_gpus() -> None:
    assert best({"gpu": 0, "gres": "", "runtime": 60, "mem_mb": 8000}) == "cpu"


def best(resources: dict[str, object]) -> str | None:
    partitions = read_partition_file(ROOT / "slurm" / "partitions.yaml")
    job = SimpleNamespace(name="job", threads=1, resources=resources)
    return get_best_partition(partitions, job, logging.getLogger())
