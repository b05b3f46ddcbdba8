"""What makes a record stale, and what does not."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from prunebench.config.load import Config, load_config
from prunebench.config.schema import Kind
from prunebench.data.calibration import write_calibration
from prunebench.errors import PrunebenchError
from prunebench.layout import MODEL, Sweep
from prunebench.sweeps import keys
from prunebench.sweeps.keys import evaluate_params, evaluation_key, ids_digest, prune_key, prune_params
from tests.sweeps.project import GOOD, MODEL_NAME, Project, make_model, random_ids

Change = Callable[[Project], None]
HUNGRY = GOOD.replace('"needs": []', '"needs": ["input_sq_norm"]')


def config(project: Project, **changes: object) -> Config:
    return load_config({**project.config, "methods": [], **changes})


def prune_keys(project: Project, method: str = "good") -> tuple[str, dict[str, str]]:
    """What the Snakefile compares, and what the job does."""
    sweep = project.sweep(method)
    return prune_params(config(project), sweep), prune_key(config(project), sweep, "u50")


def rewrite(name: str, old: str, new: str) -> Change:
    def change(project: Project) -> None:
        assert old in GOOD
        project.method(name, GOOD.replace(old, new))

    return change


@pytest.mark.parametrize(
    "change",
    [
        rewrite("good", "weight.abs()", "weight.abs() * 2"),
        rewrite("good", '"group": "row"', '"group": "matrix"'),
        lambda project: Path("methods/good.json").write_text("{}"),
        lambda project: project.write_protocol(dtype={"cpu": "bfloat16", "cuda": "float32"}),
    ],
    ids=["code", "header", "data file", "dtype"],
)
def test_a_change_of_what_is_computed_is_seen_by_snakemake_and_by_the_job(project: Project, change: Change) -> None:
    params, key = prune_keys(project)
    change(project)
    new_params, new_key = prune_keys(project)
    assert params != new_params
    assert key != new_key


@pytest.mark.parametrize(
    "change",
    [
        rewrite("good", "def score", "# a comment\n\n\ndef score"),
        rewrite("good", '"title": "T"', '"title": "Another title"'),
        lambda project: project.method("other", GOOD),
        lambda project: project.write_protocol(("text-b", "text-a")),
    ],
    ids=["comment", "title", "another method", "evaluation texts"],
)
def test_a_change_of_wording_or_elsewhere_makes_nothing_stale(project: Project, change: Change) -> None:
    before = prune_keys(project)
    change(project)
    assert prune_keys(project) == before


def test_other_input_files_make_the_record_stale(project: Project) -> None:
    project.method("hungry", HUNGRY)
    _, key = prune_keys(project, "hungry")
    project.write_calibration(seed=7)
    _, calibrated = prune_keys(project, "hungry")
    make_model(Path(MODEL.format(model=MODEL_NAME)).parent, seed=1)
    _, remade = prune_keys(project, "hungry")
    assert {name for name in key if key[name] != calibrated[name]} == {"calibration"}
    assert {name for name in key if calibrated[name] != remade[name]} == {"model"}


def test_calibration_is_nothing_to_a_method_that_sees_none(project: Project) -> None:
    before = prune_keys(project)
    assert prune_keys(project, "good@nsamples=2") == before
    project.write_calibration(seed=7)
    assert prune_keys(project) == before


def test_an_allocation_made_of_the_calibration_makes_it_count(project: Project) -> None:
    project.write_calibration()
    assert "calibration" in prune_keys(project, "good@allocation=owl")[1]
    assert "calibration" not in prune_keys(project, "good@allocation=alphapruning")[1]


def test_a_compensation_made_of_the_calibration_makes_it_count(project: Project) -> None:
    project.write_calibration()
    project.use_shipped("mag_sp")
    assert "calibration" in prune_keys(project, "mag_sp@compensation=bias")[1]
    assert "calibration" not in prune_keys(project, "mag_sp@compensation=none")[1]
    units = '"patterns": ["structured"], "units": {"compensation": "least_squares"},'
    source = Path("methods/mag_sp.py").read_text().replace('"patterns": ["structured"],', units)
    project.method("repaired", source)
    assert "calibration" in prune_keys(project, "repaired")[1]


@pytest.mark.parametrize(
    ("variant", "counts"),
    [
        ("mag_sp", False),
        ("mag_sp@allocation=global", False),
        ("mag_sp@allocation=similarity", True),
        ("mag_sp@allocation=similarity,only=attention", True),
        ("mag_sp@allocation=similarity,only=mlp", False),  # there are no heads to compare
        ("mag_sp@compensation=two_step", True),
        ("mag_sp@data=self", True),
        ("random_units@allocation=similarity", True),
        ("magnitude_units@allocation=similarity,data=self", True),
        ("alike", True),
        ("alike@allocation=uniform", False),
        ("good@data=self", True),
    ],
)
def test_what_the_framework_reads_for_a_variant_makes_the_calibration_count(
    project: Project, variant: str, counts: bool
) -> None:
    for name in ("mag_sp", "random_units", "magnitude_units"):
        project.use_shipped(name)
    units = '"patterns": ["structured"], "units": {"allocation": "similarity"},'
    project.method("alike", Path("methods/mag_sp.py").read_text().replace('"patterns": ["structured"],', units))
    before = prune_keys(project, variant)
    assert ("calibration" in before[1]) == counts
    fewer = f"{variant}{',' if '@' in variant else '@'}nsamples=2"
    assert (prune_keys(project, fewer)[0] != before[0]) == counts
    assert (prune_keys(project, fewer)[1] != before[1]) == counts
    project.write_calibration(seed=7)
    assert (prune_keys(project, variant)[1] != before[1]) == counts


def test_a_method_that_gets_the_whole_model_gets_the_calibration_too(project: Project) -> None:
    _, before = prune_keys(project, "dense")
    project.write_calibration(seed=7)
    _, after = prune_keys(project, "dense")
    assert before["calibration"] != after["calibration"]


def test_a_raised_engine_version_makes_everything_stale(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prune_keys(project)
    evaluated = evaluate_params(config(project), project.sweep(), "generation")
    monkeypatch.setattr(keys, "ENGINE_VERSION", 10_000)
    after = prune_keys(project)
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert evaluated != evaluate_params(config(project), project.sweep(), "generation")


def test_seed_target_and_variant_are_part_of_the_key(project: Project) -> None:
    project.write_calibration()
    project.method("hungry", HUNGRY)
    sweep, run = project.sweep("hungry"), config(project)
    keys = [prune_key(run, sweep, "u50"), prune_key(run, sweep, "u60")]
    variants = ("nsamples=2", "nsamples=3", "only=o_proj", "only=fc1+fc2", "allocation=owl", "allocation=alphapruning")
    keys += [prune_key(run, project.sweep(f"hungry@{variant}"), "u50") for variant in variants]
    assert len({json.dumps(key, sort_keys=True) for key in keys}) == len(keys)
    assert prune_params(run, sweep) != prune_params(run, Sweep(sweep.protocol, sweep.model, sweep.method, 1))


def test_the_order_of_a_variants_parameters_does_not_matter(project: Project) -> None:
    run = config(project)
    one, other = (prune_params(run, project.sweep(f"good@{values}")) for values in ("a=1,b=2", "b=2,a=1"))
    assert one == other


def test_calibration_samples_a_sweep_does_not_use_make_nothing_stale(project: Project) -> None:
    project.method("hungry", HUNGRY)
    project.write_calibration(samples=4)
    _, key = prune_keys(project, "hungry")
    _, fewer = prune_keys(project, "hungry@nsamples=2")
    project.write_calibration(samples=9)
    assert prune_keys(project, "hungry")[1] == key
    assert prune_keys(project, "hungry@nsamples=2")[1] == fewer
    assert key["calibration"] != fewer["calibration"]


def test_the_digest_of_ids_does_not_depend_on_how_the_file_was_written(project: Project, tmp_path: Path) -> None:
    from prunebench.data.tokens import write_ids
    from tests.sweeps.project import random_ids

    digests = set()
    for number in range(5):
        path = tmp_path / f"{number}.safetensors"
        write_ids(path, random_ids(3, 0), {str(n): str(number) for n in range(8)})
        digests.add(ids_digest(path))
    assert len(digests) == 1
    write_ids(path, random_ids(3, 0).reshape(6, 8), {})
    assert ids_digest(path) not in digests


def test_each_text_has_an_entry_of_its_own(project: Project) -> None:
    one = evaluation_key(config(project), project.sweep(), "perplexity", "patch")
    params = evaluate_params(config(project), project.sweep(), "perplexity")
    project.write_protocol(("text-b", "text-a"))
    both = evaluation_key(config(project), project.sweep(), "perplexity", "patch")
    assert both.items() > one.items()
    assert both.keys() - one.keys() == {"dataset:text-b"}
    assert params != evaluate_params(config(project), project.sweep(), "perplexity")


def test_a_cell_of_some_tasks_has_the_entries_of_those(project: Project) -> None:
    project.write_tasks("one", "two")
    run = config(project, zeroshot_tasks=["one", "two"])
    every, some = (evaluation_key(run, project.sweep(), "zeroshot", "patch", tasks) for tasks in ((), ("two",)))
    assert every.items() > some.items()
    assert every.keys() - some.keys() == {"dataset:one"}
    params = evaluate_params(run, project.sweep(), "zeroshot", {})
    assert params != evaluate_params(run, project.sweep(), "zeroshot", {"u50": ("two",)})
    others = [evaluate_params(run, project.sweep(), "perplexity", tasks) for tasks in ({}, {"u50": ("two",)})]
    assert others[0] == others[1]


@pytest.mark.parametrize(
    ("changed", "settings"),
    [
        ("generation", {"generation": {"prompt": "Once", "max_new_tokens": 3}}),
        ("speed", {"speed": {"repetitions": 21}}),
        ("internals", {"internals": {"heads": [1]}}),
        ("internals", {"internals": {"ecdf_steps": 3}}),
    ],
)
def test_settings_of_one_kind_leave_the_others_alone(project: Project, changed: str, settings: dict[str, Any]) -> None:
    sweep = project.sweep()
    before = {kind: evaluate_params(config(project), sweep, kind) for kind in get_args(Kind)}
    project.write_protocol(**settings)
    after = {kind: evaluate_params(config(project), sweep, kind) for kind in get_args(Kind)}
    assert {kind for kind in before if before[kind] != after[kind]} == {changed}


def test_a_speed_is_one_of_so_many_threads_and_other_numbers_are_not(project: Project) -> None:
    one, two = config(project), config(project, threads=2)
    changed = {
        k
        for k in get_args(Kind)
        if evaluate_params(one, project.sweep(), k) != evaluate_params(two, project.sweep(), k)
    }
    assert changed == {"speed"}


def test_the_method_is_no_part_of_an_evaluations_params_since_its_patch_is(project: Project) -> None:
    before = evaluate_params(config(project), project.sweep(), "perplexity")
    rewrite("good", "weight.abs()", "weight.abs() * 2")(project)
    assert evaluate_params(config(project), project.sweep(), "perplexity") == before
    run = config(project)
    assert evaluation_key(run, project.sweep(), "generation", "a") != evaluation_key(
        run, project.sweep(), "generation", "b"
    )


def test_a_missing_or_broken_input_file_is_named(project: Project) -> None:
    run, sweep = config(project), project.sweep()
    manifest = Path(MODEL.format(model=MODEL_NAME))
    manifest.write_text("{}")
    with pytest.raises(PrunebenchError, match=r"asset\.json is not what was written"):
        prune_key(run, sweep, "u50")
    manifest.unlink()
    with pytest.raises(PrunebenchError, match=r"asset\.json cannot be read"):
        prune_key(run, sweep, "u50")
    ids = Path("ids.safetensors")
    ids.write_bytes(b"no tensors")
    with pytest.raises(PrunebenchError, match="does not hold the token ids"):
        ids_digest(ids)


def test_a_broken_method_file_still_has_params(project: Project) -> None:
    project.method("good", "def score(:")
    first = prune_params(config(project), project.sweep())
    project.method("good", "def score(::")
    assert prune_params(config(project), project.sweep()) != first


def test_the_snakefile_and_the_jobs_parent_stay_light() -> None:
    code = (
        "import sys, prunebench.sweeps.jobs, prunebench.sweeps.keys\n"
        "print([name for name in ('torch', 'transformers', 'numpy', 'lm_eval') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_tokens_of_recovery_fine_tuning_count_as_far_as_they_are_read(project: Project) -> None:
    method = "good@lora=3"
    path = keys.recovery_path(config(project), project.sweep(method))
    assert path == Path("results/tokens/tiny-16/tiny/recovery-text-a-seed0.safetensors")
    assert keys.recovery_path(config(project), project.sweep()) is None
    with pytest.raises(PrunebenchError, match="run snakemake again"):
        prune_keys(project, method)
    ids = random_ids(keys.VALIDATION_ROWS + 4, seed=3)
    write_calibration(path, ids, {"text": "text-a"})
    params, key = prune_keys(project, method)
    assert {"recovery", "peft"} <= key.keys()
    assert not {"recovery", "peft"} & prune_keys(project)[1].keys()
    write_calibration(path, ids[:-1], {"text": "text-a"})
    assert prune_keys(project, method) == (params, key)
    write_calibration(path, ids[1:], {"text": "text-a"})
    assert prune_keys(project, method)[1] != key
    assert prune_keys(project, method + ",lora_lr=0.001")[0] != params
