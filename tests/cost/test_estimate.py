"""What is left to do is counted, and its time and disk with it."""

import shutil
from pathlib import Path

import pytest
import yaml

from prunebench.config.grid import expand
from prunebench.config.load import Config, load_config
from prunebench.config.strict import read_yaml
from prunebench.cost import rates
from prunebench.cost.estimate import ASSETS, Estimate, estimate
from prunebench.cost.jobs import Costs
from prunebench.cost.rates import cpu_rates, gpu_rates
from prunebench.cost.words import duration, one_line, outlook
from prunebench.cost.work import Work
from prunebench.layout import Sweep
from prunebench.results.records import PruneRecord, load_record, save_record
from prunebench.sealed import write_sealed_json
from tests.cost.conftest import MakeConfig, write_current_records, write_inputs

IDLE_SECONDS = 668  # of the default grid: 46 cells on 2 idle cores, wall, the machine that rates.py was measured on
IDLE_BYTES = 1.32e9  # in results/ after it


def estimated(config: Config, cores: int = 2, gpus: int = 0) -> Estimate:
    return estimate(config, expand(config), cores, gpus)


def test_from_nothing_the_default_grid_is_estimated_within_half_of_what_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rates, "multiplies_bfloat16", lambda: True)  # as the machine did
    found = estimated(load_config(read_yaml(Path("config/config.yaml"))))
    assert (found.pending, found.cells, found.known) == (46, 46, 0.0)
    assert IDLE_SECONDS / 1.5 < found.wall < IDLE_SECONDS * 1.5
    assert IDLE_BYTES / 1.5 < found.stored < IDLE_BYTES * 1.5


def test_nothing_to_compute_takes_no_time(configured: MakeConfig) -> None:
    config = configured()
    write_inputs(config)
    write_current_records(config)
    found = estimated(config)
    assert (found.pending, found.cells) == (0, 3)
    assert (found.wall, found.job_seconds, found.stored) == (0.0, 0.0, 0.0)
    assert one_line(found) == "estimate: nothing to compute, all 3 cells are there"


def test_a_target_more_is_estimated_alone_and_from_the_others_records(configured: MakeConfig) -> None:
    config = configured(methods=["wanda"])
    write_inputs(config)
    write_current_records(config, seconds=50.0)
    found = estimated(configured(methods=["wanda"], targets=["u50", "u60"]))
    assert (found.pending, found.cells) == (1, 3)
    seconds = found.models["smollm2-135m"].seconds
    assert set(seconds) - {ASSETS} == {"prune", "perplexity", "zeroshot"}
    assert 50 < seconds["prune"] < 100
    assert 50 < seconds["perplexity"] < 100
    assert 200 < seconds["zeroshot"] < 300  # of 8 items they took 50 s, of 32 are to be done
    assert found.known == pytest.approx(50 + 50 + 200)  # the rest starts the jobs


def test_another_text_or_task_prunes_nothing(configured: MakeConfig) -> None:
    config = configured()
    write_inputs(config)
    write_current_records(config)
    grown = configured(zeroshot_tasks=["piqa", "rte"])
    write_inputs(grown)
    found = estimated(grown)
    assert found.pending == 3
    assert set(found.models["smollm2-135m"].seconds) - {ASSETS} == {"zeroshot"}


def test_cells_that_could_not_be_pruned_take_no_time_to_evaluate(configured: MakeConfig) -> None:
    config = configured(methods=["wanda"])
    write_inputs(config)
    write_current_records(config)
    sweep = Sweep("laptop-512", "smollm2-135m", "wanda", 0)
    record = load_record(sweep.prune_record("u50"), PruneRecord)
    assert record is not None
    save_record(sweep.prune_record("u50"), record.model_copy(update={"status": "oom"}))
    sweep.evaluation_record("u50", "zeroshot").unlink()
    found = estimated(config)
    assert (found.pending, found.job_seconds) == (1, 0.0)


@pytest.mark.parametrize(("keep", "works"), [(True, {"prune"}), (False, set())])
def test_a_missing_patch_is_made_again_if_patches_are_kept(keep: bool, works: set[str], configured: MakeConfig) -> None:
    config = configured(methods=["wanda"], keep_patches=keep)
    write_inputs(config)
    write_current_records(config)
    Sweep("laptop-512", "smollm2-135m", "wanda", 0).patch("u50").unlink()
    found = estimated(config)
    assert set(found.models["smollm2-135m"].seconds) - {ASSETS} == works


def test_damaged_records_and_changed_inputs_are_computed_again(configured: MakeConfig) -> None:
    config = configured()
    write_inputs(config)
    write_current_records(config)
    Sweep("laptop-512", "smollm2-135m", "wanda", 0).prune_record("u50").write_text("{")
    assert estimated(config).pending == 1
    manifest = Path("results/assets/models/smollm2-135m/asset.json")
    write_sealed_json(manifest, {"files": {"model.safetensors": "other"}})
    assert estimated(config).pending == 3
    shutil.rmtree("results/tokens")
    assert estimated(config).pending == 3


def test_a_model_of_unknown_size_is_named_and_the_others_are_estimated(configured: MakeConfig) -> None:
    registry = read_yaml(Path("config/models.yaml"))
    del registry["opt-125m"]["shape"]
    Path("config/models.yaml").write_text(yaml.safe_dump(registry))
    found = estimated(configured(models=["opt-125m", "smollm2-135m"]))
    assert found.unknown == ["opt-125m: unknown size; give `shape` in its entry of the model registry"]
    assert found.models["opt-125m"].pending == 3
    assert not found.models["opt-125m"].seconds
    assert found.models["smollm2-135m"].seconds
    assert "unknown size" in one_line(found)
    assert "at least" in one_line(found)
    assert "about" in one_line(estimated(configured(models=["smollm2-135m"])))


def test_more_cores_help_until_the_longest_chain(configured: MakeConfig) -> None:
    config = configured(methods=["wanda", "magnitude", "random", "sparsegpt"])
    one, two, many = (estimated(config, cores) for cores in (1, 2, 1000))
    assert one.job_seconds == two.job_seconds == many.job_seconds
    assert one.wall > two.wall > many.wall
    assert many.wall > many.job_seconds / 1000 + 20
    assert estimated(configured(threads=2), 2).wall > estimated(configured(threads=2), 4).wall


def test_jobs_of_one_sweep_s_cells_run_side_by_side(configured: MakeConfig) -> None:
    targets = ["u10", "u20", "u30", "u40", "u50", "u60", "u70", "u80"]
    whole, split = (estimated(configured(targets=targets, methods=["wanda"], cells_per_job=n), 1000) for n in (0, 1))
    assert split.job_seconds > whole.job_seconds
    assert split.wall < whole.wall / 2


def test_evaluations_in_one_allocation_run_one_after_another(configured: MakeConfig) -> None:
    kinds = ["perplexity", "generation"]
    each, shared = (
        estimated(configured(methods=["wanda"], evaluate=kinds, share_allocation=share), 1000)
        for share in (False, True)
    )
    assert shared.job_seconds == each.job_seconds
    costs = Costs(configured(evaluate=kinds), gpus=0)
    sweep = Sweep("laptop-512", "smollm2-135m", "wanda", 0)
    shorter = min(costs.job_cost(sweep, kind, ["u50"])[0] for kind in ("perplexity", "generation"))
    assert shared.wall - each.wall == pytest.approx(shorter)


def test_on_a_gpu_hours_are_counted_and_jobs_wait_for_it(configured: MakeConfig) -> None:
    config = configured(models=["llama-7b"])
    cpu, gpu, two = estimated(config, 64), estimated(config, 64, 1), estimated(config, 64, 2)
    assert cpu.gpu_seconds == 0.0
    assert 0 < gpu.gpu_seconds < cpu.job_seconds
    assert gpu.wall > gpu.gpu_seconds
    assert two.wall < gpu.wall
    assert "GPU-hours" in one_line(gpu)
    assert "GPU" not in one_line(cpu)


def test_patches_that_are_not_kept_take_only_the_room_of_those_at_work(configured: MakeConfig) -> None:
    kept, gone = (
        estimated(configured(methods=["sparsegpt", "wanda"], targets=["u50", "u70"], keep_patches=keep), 1)
        for keep in (True, False)
    )
    assert 0 < gone.temporary < kept.stored
    assert gone.stored < kept.stored


@pytest.mark.parametrize("spoil", ["results", "results/pruned/laptop-512", "results/assets/models/smollm2-135m"])
def test_the_line_at_the_start_of_a_run_never_raises(spoil: str, configured: MakeConfig) -> None:
    Path(spoil).parent.mkdir(parents=True, exist_ok=True)
    Path(spoil).write_text("a file where a folder should be")
    config = configured()
    assert outlook(config, expand(config), None).startswith("estimate: ")


def test_jobs_sent_to_a_cluster_have_a_gpu_each_if_they_ask_for_one(configured: MakeConfig) -> None:
    config = configured()
    grid = expand(config)
    assert "and 50 GPUs" in outlook(config, grid, 2, 50, {"mem_mb": 1, "gpu": 1})
    assert "on 50 cores" in outlook(config, grid, 2, 50, {"mem_mb": 1})
    assert "on 2 cores" in outlook(config, grid, 2, 50, None)


def test_a_job_is_its_start_and_its_cells(configured: MakeConfig) -> None:
    config = configured(models=["smollm2-135m", "llama-7b"])
    small, large = (Sweep("laptop-512", model, "wanda", 0) for model in config.models)
    costs = Costs(config, gpus=0)
    one, two = (costs.job_cost(small, "prune", targets)[0] for targets in (["u50"], ["u50", "n2m4"]))
    assert 0 < two - one < one < two
    assert costs.job_cost(large, "prune", ["u50"])[0] > 20 * one
    assert costs.job_cost(small, "perplexity", ["u50"])[0] < one


def test_what_is_shared_by_a_job_s_cells_is_done_once(configured: MakeConfig) -> None:
    costs = Costs(configured(methods=["gblm"]), gpus=0)
    sweep = Sweep("laptop-512", "smollm2-135m", "gblm", 0)
    one, two = (costs.job_cost(sweep, "prune", targets)[0] for targets in (["u50"], ["u50", "u70"]))
    cell = costs.cell("smollm2-135m", "gblm", "u70", "prune", ())
    assert cell.shared > 10
    assert two - one == pytest.approx(cell.own + cell.around)


def test_memory_is_that_of_the_models_and_more_for_gradients(configured: MakeConfig) -> None:
    config = configured(models=["llama-7b"])
    wanda, pruner = (Sweep("laptop-512", "llama-7b", method, 0) for method in ("wanda", "llm_pruner"))
    cpu, gpu = Costs(config, gpus=0), Costs(config, gpus=1)
    evaluation = gpu.memory(wanda, "perplexity") - 2e9
    assert 2 * 13.476e9 < evaluation < 2.1 * 13.476e9  # 16 bits
    assert gpu.memory(wanda, "perplexity") < cpu.memory(wanda, "perplexity")
    assert 3 * 13.476e9 < gpu.memory(wanda, "prune") - 2e9 < gpu.memory(pruner, "prune") - 8 * 6.4e9
    inputs = 12 * 512 * 4096 * 2  # of the first block, which stay on the host; on a CPU those of the others too
    assert cpu.memory(wanda, "prune") - gpu.memory(wanda, "prune") == 2 * inputs


def test_of_a_cpu_without_the_instructions_bfloat16_is_as_slow_as_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for has in (True, False):
        monkeypatch.setattr(rates, "multiplies_bfloat16", lambda has=has: has)
        assert (cpu_rates("bfloat16", 1).products > cpu_rates("float32", 1).products) == has


def test_rates_divide_the_work() -> None:
    one, four = cpu_rates("float32", 1), cpu_rates("float32", 4)
    assert one.seconds(Work(products=one.products, stored=one.stored, seconds=3.0)) == pytest.approx(5.0)
    assert four.seconds(Work(products=one.products)) == pytest.approx(0.25)
    assert four.seconds(Work(launches=10)) == one.seconds(Work(launches=10))
    assert gpu_rates("float16", "NVIDIA H100 80GB HBM3").products > gpu_rates("float16", "NVIDIA Whatever").products


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (80, "80 s"), (200, "3 min"), (5000, "83 min"), (7300, "2.0 h"), (2e6, "23.1 days")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
