"""Jobs ask a cluster for what they need and more, and for more time at each attempt."""

from prunebench.cost.jobs import job_memory_mb, job_minutes
from prunebench.cost.requests import asked_gpus, memory_mb, minutes
from prunebench.layout import Sweep
from tests.cost.conftest import MakeConfig


def sweep(model: str, method: str = "wanda") -> Sweep:
    return Sweep("laptop-512", model, method, 0)


def test_the_time_grows_with_the_model_and_is_more_than_what_is_expected(configured: MakeConfig) -> None:
    config = configured(models=["smollm2-135m", "llama-3.2-1b", "llama-7b"])
    asked = [minutes(config, sweep(model), "prune", ["u50"], gpus=0) for model in config.models]
    assert asked == sorted(asked)
    for model, time in zip(config.models, asked, strict=True):
        assert time > 2 * job_minutes(config, sweep(model), "prune", ["u50"], gpus=0)
    assert minutes(config, sweep("llama-7b"), "prune", ["u50"], gpus=1) < asked[-1]


def test_each_attempt_asks_for_twice_the_time(configured: MakeConfig) -> None:
    config = configured()
    first = minutes(config, sweep("smollm2-135m"), "perplexity", ["u50"])
    assert [minutes(config, sweep("smollm2-135m"), "perplexity", ["u50"], n) for n in (2, 3)] == [2 * first, 4 * first]


def test_the_config_may_set_the_time(configured: MakeConfig) -> None:
    config = configured(limits={"job_minutes": 90})
    assert minutes(config, sweep("smollm2-135m"), "prune", ["u50"]) == 90
    assert minutes(config, sweep("smollm2-135m"), "prune", ["u50"], attempt=2) == 180


def test_the_memory_holds_the_model_twice(configured: MakeConfig) -> None:
    config = configured(models=["smollm2-135m", "llama-7b"])
    small, large = (memory_mb(config, sweep(model), "prune") for model in config.models)
    assert small < 5_000
    assert 2 * 2 * 6.7e9 / 1e6 < large < 6 * 2 * 6.7e9 / 1e6
    assert large >= job_memory_mb(config, sweep("llama-7b"), "prune")


def test_a_limit_of_memory_is_what_is_asked_for(configured: MakeConfig) -> None:
    config = configured(limits={"memory_gb": 40})
    assert memory_mb(config, sweep("smollm2-135m"), "prune") == 42_000


def test_gpus_are_seen_in_what_all_jobs_ask_for() -> None:
    assert asked_gpus(None) is None
    assert asked_gpus({}) is None
    assert asked_gpus({"mem_mb": 1, "gpu": 1}) == 1
    assert asked_gpus({"gres": "gpu:1"}) == 1
    assert asked_gpus({"mem_mb": 1}) == 0
