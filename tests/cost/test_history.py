"""Earlier records correct the FLOPs model, the nearest ones first."""

import json
import os

import pytest

from prunebench.config.grid import expand
from prunebench.cost import jobs
from prunebench.cost.estimate import estimate
from prunebench.cost.jobs import CellCost, Costs
from prunebench.cost.words import one_line
from prunebench.layout import Sweep
from prunebench.results.records import Cost, EvaluationRecord, Measurement, save_record
from tests.cost.conftest import PROVENANCE, MakeConfig, cell_id, write_prune

MODEL = "smollm2-135m"


@pytest.fixture
def cost(configured: MakeConfig):
    """The cost of one cell of a config with the records that are there when it is asked for."""

    def cell(
        method: str = "wanda", target: str = "u50", work: str = "prune", model: str = MODEL, **changes
    ) -> CellCost:
        config = configured(models=[model], **changes)
        return Costs(config, gpus=0).cell(model, method, target, work, ())

    return cell


def test_without_records_it_is_the_flops_model(cost) -> None:
    assert not cost().known
    assert cost().own > 0


def test_a_cell_takes_what_it_took(cost) -> None:
    write_prune("wanda", "u50", 77.0)
    assert (cost().own, cost().known) == (pytest.approx(77.0), True)


def test_of_several_seeds_the_median_counts(cost) -> None:
    for seed, seconds in enumerate((10.0, 12.0, 500.0)):
        write_prune("wanda", "u50", seconds, seed=seed)
    assert cost().own == pytest.approx(12.0)


def test_the_nearest_record_wins(cost) -> None:
    write_prune("wanda@only=o_proj", "n2m4", 300.0)
    assert (cost().own, cost().known) == (pytest.approx(300.0), True)
    write_prune("wanda", "u70", 200.0)
    assert cost().own == pytest.approx(200.0)
    write_prune("wanda", "u50", 100.0)
    assert cost().own == pytest.approx(100.0)


def test_other_methods_and_models_tell_how_fast_the_machine_is(cost) -> None:
    before, of_another = cost(), cost(model="opt-125m")
    write_prune("magnitude", "u50", 2 * cost("magnitude").own)
    assert not cost().known
    assert (cost().own, cost().around) == (pytest.approx(2 * before.own), pytest.approx(2 * before.around))
    assert cost(model="opt-125m").own == pytest.approx(2 * of_another.own)


def test_a_record_of_fewer_samples_is_scaled(cost) -> None:
    write_prune("wanda@nsamples=6", "u50", 10.0)
    write_prune("magnitude@nsamples=6", "u50", 10.0)
    assert 15.0 < cost().own < 20.0
    assert cost("magnitude").own == pytest.approx(10.0)  # which sees none


def test_what_failed_or_ran_elsewhere_says_nothing(cost) -> None:
    before = cost()
    write_prune("wanda", "u50", 77.0, status="oom")
    write_prune("wanda", "u70", 77.0, device="cuda", gpu="NVIDIA H100")
    write_prune("wanda", "u60", 0.0)
    write_prune("wanda", "u40", 77.0).write_text('{"status": "ok"')
    write_prune("wanda", "u30", 77.0).write_text("[]")
    write_prune("wanda", "u20", 77.0).write_text(json.dumps({"status": "ok", "cost": {"seconds": 3.0}}))
    assert cost() == before


def test_a_record_of_two_threads_says_that_one_takes_longer(cost) -> None:
    write_prune("wanda", "u50", 10.0, threads=2)
    assert 15.0 < cost().own < 21.0


def write_zeroshot(method: str, target: str, items: int, seconds: float) -> None:
    sweep = Sweep("laptop-512", MODEL, method, 0)
    measured = [Measurement(metric="acc", dataset="piqa", value=0.5, items=[0.5] * items)]
    record = EvaluationRecord(
        cell=cell_id(sweep, target), status="ok", key={}, cost=Cost(seconds=seconds), provenance=PROVENANCE,
        kind="zeroshot", measurements=measured,
    )  # fmt: skip
    save_record(sweep.evaluation_record(target, "zeroshot"), record)


def test_evaluations_scale_with_the_items_and_hold_for_other_methods(cost) -> None:
    write_zeroshot("magnitude", "n2m4", items=8, seconds=3.0)
    assert cost(work="zeroshot").own == pytest.approx(12.0)  # of 32 items
    assert cost(work="zeroshot").known
    assert not cost(work="perplexity").known


@pytest.mark.parametrize("name", ["wanda.bak", "wanda copy", "wanda@x", "wanda@"])
def test_a_folder_that_was_put_aside_is_passed_over(name: str, cost) -> None:
    record = write_prune("wanda", "u70", 77.0)
    folder = record.parents[1]
    folder.rename(folder.with_name(name))
    assert not cost().known
    write_prune("magnitude", "u50", 50.0)
    assert (cost("magnitude").own, cost("magnitude").known) == (pytest.approx(50.0), True)


H100 = {"device": "cuda", "gpu": "NVIDIA H100 80GB HBM3", "dtype": "bfloat16"}


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "gpu_name", lambda: "")


def test_where_no_gpu_is_it_is_the_one_that_made_the_newest_record(no_gpu: None, configured: MakeConfig) -> None:
    config = configured()
    assert Costs(config, gpus=1).gpu == ""
    old = write_prune("wanda", "u50", 20.0, **H100 | {"gpu": "Tesla T4"})
    new = write_prune("magnitude", "u50", 20.0, **H100)
    latest = write_prune("random", "u50", 20.0)  # on a CPU
    for age, path in enumerate([latest, new, old]):
        os.utime(path, (1e9 - age, 1e9 - age))
    assert Costs(config, gpus=1).gpu == "NVIDIA H100 80GB HBM3"
    assert Costs(config, gpus=0).gpu == ""
    line = one_line(estimate(config, expand(config), 2, gpus=1))
    assert "1 GPU (none is here; counted as NVIDIA H100 80GB HBM3, which made the newest record)" in line


def test_a_cell_takes_the_time_of_its_record_also_where_no_gpu_is(no_gpu: None, configured: MakeConfig) -> None:
    write_prune("wanda", "u50", 20.0, **H100)
    cell = Costs(configured(), gpus=1).cell(MODEL, "wanda", "u50", "prune", ())
    assert (cell.own, cell.known) == (pytest.approx(20.0), True)


def test_the_gpu_that_is_here_counts_before_those_of_records(
    monkeypatch: pytest.MonkeyPatch, configured: MakeConfig
) -> None:
    monkeypatch.setattr(jobs, "gpu_name", lambda: "NVIDIA A100-SXM4-80GB")
    write_prune("wanda", "u50", 20.0, **H100)
    costs = Costs(configured(), gpus=1)
    assert costs.gpu == "NVIDIA A100-SXM4-80GB"
    assert costs.cell(MODEL, "wanda", "u50", "prune", ()).own > 22.0
