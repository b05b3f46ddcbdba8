"""Jobs ask a cluster for what they need and more, and for more time at each attempt."""

import pytest
from snakemake.resources import Resources

from prunebench.cost.jobs import Costs
from prunebench.cost.requests import asked_gpus, memory_mb, minutes
from prunebench.layout import Sweep
from tests.cost.conftest import MakeConfig


def sweep(model: str, method: str = "wanda") -> Sweep:
    return Sweep("laptop-512", model, method, 0)


def test_the_time_grows_with_the_model_and_is_more_than_what_is_expected(configured: MakeConfig) -> None:
    config = configured(models=["smollm2-135m", "llama-3.2-1b", "llama-7b"])
    costs = Costs(config, gpus=0)
    asked = [minutes(costs, sweep(model), "prune", ["u50"]) for model in config.models]
    assert asked == sorted(asked)
    for model, time in zip(config.models, asked, strict=True):
        assert time > 2 * costs.job_cost(sweep(model), "prune", ["u50"])[0] / 60
    assert minutes(Costs(config, gpus=1), sweep("llama-7b"), "prune", ["u50"]) < asked[-1]


def test_each_attempt_asks_for_twice_the_time(configured: MakeConfig) -> None:
    costs = Costs(configured())
    first = minutes(costs, sweep("smollm2-135m"), "perplexity", ["u50"])
    assert [minutes(costs, sweep("smollm2-135m"), "perplexity", ["u50"], n) for n in (2, 3)] == [2 * first, 4 * first]


def test_no_attempt_asks_for_more_than_the_config_allows(configured: MakeConfig) -> None:
    first = minutes(Costs(configured()), sweep("smollm2-135m"), "prune", ["u50"])
    costs = Costs(configured(limits={"job_minutes": first + 5}))
    assert [minutes(costs, sweep("smollm2-135m"), "prune", ["u50"], attempt) for attempt in (1, 2, 3)] == [
        first, first + 5, first + 5,
    ]  # fmt: skip


def test_the_memory_holds_the_model_three_times(configured: MakeConfig) -> None:
    costs = Costs(configured(models=["smollm2-135m", "llama-7b"]))
    small, large = (memory_mb(costs, sweep(model), "prune") for model in costs.config.models)
    assert small < 5_000
    assert 3 * 2 * 6.7e9 / 1e6 < large < 6 * 2 * 6.7e9 / 1e6
    assert large * 1e6 >= costs.memory(sweep("llama-7b"), "prune")


def test_mapped_models_need_less_memory_but_for_gradients(configured: MakeConfig) -> None:
    there, mapped = (Costs(configured(models=["llama-7b"], weights=where), gpus=1) for where in ("memory", "mapped"))
    for work in ("prune", "perplexity"):
        assert memory_mb(mapped, sweep("llama-7b"), work) < memory_mb(there, sweep("llama-7b"), work) / 3
    assert mapped.memory(sweep("llama-7b", "llm_pruner"), "prune") > 2 * 4 * 6.4e9  # sums of all weights, in fp32


def test_of_the_unknown_jobs_get_what_a_cell_may_take(configured: MakeConfig) -> None:
    costs = Costs(configured(limits={"cell_minutes": 30}))
    assert minutes(costs, sweep("nobody"), "prune", ["u50", "u60"]) == 10 + 3 * 2 * 30
    assert memory_mb(costs, sweep("nobody"), "prune") == 21_000


def test_a_limit_of_memory_is_what_is_asked_for(configured: MakeConfig) -> None:
    costs = Costs(configured(limits={"memory_gb": 40}))
    assert memory_mb(costs, sweep("smollm2-135m"), "prune") == 42_000


@pytest.mark.parametrize(
    ("resources", "gpus"),
    [({"mem_mb": 1, "gpu": 1}, 1), ({"gres": "gpu:1"}, 1), ({"mem_mb": 1}, 0), ({"mem_mb": 1, "gpu": 0}, 0)],
)
def test_gpus_are_seen_in_what_all_jobs_ask_for(resources: dict[str, int | str], gpus: int) -> None:
    assert asked_gpus(resources) == gpus
    assert asked_gpus(Resources.from_mapping(resources)) == gpus
    given = [f"{name}={value!r}" for name, value in resources.items()]
    assert asked_gpus(Resources.parse(given, allow_expressions=True)) == gpus


def test_who_asks_for_nothing_asks_no_cluster() -> None:
    assert asked_gpus(None) is None
    assert asked_gpus({}) is None
