"""The printed command, read as Snakemake reads it and run by a shell, is about its cell and makes the same numbers."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from prunebench.config.grid import expand
from prunebench.config.load import load_config
from prunebench.reports.method.reproduce import reproduce
from prunebench.results.gather import decisive_settings
from prunebench.sweeps import keys
from tests.config.project import write_project

ROOT = Path(__file__).parents[3]
CLEAN = {"git_sha": "0123456789abcdef0123456789abcdef01234567", "git_dirty": False}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project folder like a clone, with nothing computed."""
    for name in ("Snakefile", "workflow", "config", "methods", "papers", "profiles", "environment.yml"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entry_of(cell, environment=0):
    entry = {
        "protocol": cell.sweep.protocol, "model": cell.sweep.model, "method": cell.sweep.method,
        "target": cell.target, "seed": cell.sweep.seed,
        "records": {step: [environment, 0] for step in ("prune", *cell.kinds)},
    }  # fmt: skip
    return {**entry, "tasks": list(cell.tasks)} if cell.tasks else entry


def commands_of(cell, config, environments=(CLEAN,)):
    return reproduce(entry_of(cell), decisive_settings(config), environments).commands


def merged(*mappings):
    result = {}
    for mapping in mappings:
        update_config(result, mapping)
    return result


def read_back(command):
    """The config that Snakemake makes of a command."""
    words = shlex.split(command)
    assert words[:4] == ["snakemake", "--cores", "all", "--config"]
    own = load_configfile("config/config.yaml") if Path("config/config.yaml").exists() else {}
    return load_config(merged(own, parse_config(words[4:])))


def measured(config, cell, kind):
    """What the cell is measured on, with all that decides the numbers but the data itself."""
    settings = keys._dataset_settings(config, kind)
    return {name: settings[name] for name in (kind == "zeroshot" and cell.tasks) or settings}


def check(config):
    """The commands of cells spread over the grid select just these, and what decides their numbers is the same."""
    cells = expand(config).cells
    for cell in cells[:: max(1, len(cells) // 7)]:
        again = read_back(commands_of(cell, config)[-1])
        assert again.paper is None
        found = {(c.sweep, c.target): c for c in expand(again).cells if c.target != "u00" or c.sweep == cell.sweep}
        seeds = {cell.sweep.seed, config.seeds[0]} if "internals" in cell.kinds else {cell.sweep.seed}
        assert {(s.model, s.method, t) for s, t in found} == {(cell.sweep.model, cell.sweep.method, cell.target)}
        assert {sweep.seed for sweep, _ in found} == ({cell.sweep.seed} if cell.target == "u00" else seeds)
        assert found[cell.sweep, cell.target].kinds == cell.kinds
        assert keys.prune_params(again, cell.sweep) == keys.prune_params(config, cell.sweep)
        for kind in cell.kinds:
            assert measured(again, cell, kind) == measured(config, cell, kind)
            assert keys.compared_on(again, cell.sweep) == keys.compared_on(config, cell.sweep)
        for setting in ("threads", "sandbox", "unsafe_run_untrusted", "limits"):
            assert getattr(again, setting) == getattr(config, setting)
    return len(cells)


@pytest.mark.parametrize(
    "file",
    [
        "config/config.yaml",
        *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("papers/*/*.yaml") if p.name != "tables.yaml"),
    ],
)
def test_cells_of_every_shipped_config_are_selected_without_that_config(folder, file):
    with open("config/config.yaml") as own, open(file) as given:
        assert check(load_config(merged(yaml.safe_load(own), yaml.safe_load(given)))) > 10


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": ["wanda@nsamples=32,only=o_proj", "wanda@only=q_proj+k_proj", "sparsegpt@update=False"]},
        {"seeds": [3, 5], "evaluate": ["perplexity", "internals"], "methods": ["wanda"]},
        {"evaluate": ["speed"], "threads": 3, "methods": ["magnitude"]},
        {"limits": {"cell_minutes": 1.5, "memory_gb": 3}, "sandbox": {"scratch_mb": 7}, "methods": ["aigc_01"]},
        {"unsafe_run_untrusted": True, "zeroshot_tasks": ["piqa"], "methods": ["random"]},
    ],
)  # fmt: skip
def test_whatever_differs_from_the_projects_own_config_is_given(folder, changes):
    own = yaml.safe_load(Path("config/config.yaml").read_text())
    check(load_config(merged(own, {"models": ["opt-tiny"], "targets": ["u50", "n2m4"]}, changes)))


def test_what_selects_the_cell_is_given_whatever_the_config_of_its_commit_says(folder):
    config = load_config(yaml.safe_load(Path("config/config.yaml").read_text()))
    cell = next(cell for cell in expand(config).cells if cell.sweep.method == "wanda" and cell.target == "u50")
    assert commands_of(cell, config) == (
        f"git checkout {CLEAN['git_sha']}",
        "make environment",
        "snakemake --cores all --config protocol=laptop-512 models=smollm2-135m methods=wanda targets=u50 seeds=0 "
        "evaluate=perplexity,zeroshot,generation,speed zeroshot_tasks=piqa,arc_easy,hellaswag threads=1",
    )


def test_threads_are_those_of_the_records(folder):
    config = load_config({**yaml.safe_load(Path("config/config.yaml").read_text()), "threads": 4})
    cell = expand(config).cells[1]
    assert read_back(commands_of(cell, config, [{**CLEAN, "threads": 2}])[-1]).threads == 2


def test_a_published_cell_is_computed_again_without_the_limits_and_threads_of_whoever_builds_the_board(folder):
    own = yaml.safe_load(Path("config/config.yaml").read_text())
    builder = load_config({**own, "threads": 2, "limits": {"cell_minutes": 3}, "unsafe_run_untrusted": True})
    settings = decisive_settings(builder, published=True)
    cell = expand(builder).cells[1]
    again = read_back(reproduce(entry_of(cell), settings, [{**CLEAN, "threads": 1}]).commands[-1])
    assert (again.threads, again.unsafe_run_untrusted) == (1, False)
    assert again.limits.cell_minutes == own["limits"]["cell_minutes"]


def test_other_registries_and_folders_of_methods_are_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(write_project(tmp_path / "a folder, with 'quotes'"))
    check(config)
    Path("config").mkdir()
    (tmp_path / "config/config.yaml").symlink_to(ROOT / "config/config.yaml")
    check(config)


@pytest.mark.parametrize("name", ["1e5", "nan", "125m", "True", "7"])
def test_names_that_look_like_numbers_stay_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    mapping = write_project(tmp_path)
    models = Path(mapping["registry"]["models"])
    models.write_text(yaml.safe_dump({name: yaml.safe_load(models.read_text())["one"]}))
    check(load_config({**mapping, "models": [name]}))


@pytest.mark.parametrize(
    ("environments", "remark"),
    [
        (({"git_sha": None, "git_dirty": None},), "not known"),
        (({**CLEAN, "git_dirty": True},), "uncommitted changes"),
        ((), "no record says"),
    ],
)
def test_without_a_clean_commit_the_remark_says_why_there_is_no_checkout(folder, environments, remark):
    config = load_config(yaml.safe_load(Path("config/config.yaml").read_text()))
    cell = expand(config).cells[1]
    found = reproduce(entry_of(cell, 0 if environments else None), decisive_settings(config), environments)
    assert len(found.commands) == 1
    assert remark in found.remarks[0]


def test_steps_of_several_commits_are_a_remark(folder):
    config = load_config(yaml.safe_load(Path("config/config.yaml").read_text()))
    entry = entry_of(expand(config).cells[1])
    entry["records"]["perplexity"] = [1, 0]
    found = reproduce(entry, decisive_settings(config), [CLEAN, {**CLEAN, "git_sha": "f" * 40}])
    assert "different commits" in found.remarks[0]
    assert len(found.commands) == 1


def test_a_cell_is_exported_by_its_whole_name(folder):
    config = load_config(yaml.safe_load(Path("config/config.yaml").read_text()))
    cell = next(cell for cell in expand(config).cells if cell.sweep.method == "wanda")
    export = reproduce(entry_of(cell), decisive_settings(config), [CLEAN]).export
    _, command, name, _ = shlex.split(export)
    assert (command, name) == ("export", f"{cell.sweep.path}/{cell.target}")


@pytest.mark.parametrize(
    ("file", "method", "target"),
    [
        ("papers/greedy-output/embedded.yaml", "flap@allocation=uniform,blocks=0.125-0.9375", "s20"),
        ("config/config.yaml", "sparsegpt", "n2m4"),
    ],
)
def test_a_shell_that_runs_it_plans_just_this_cell(folder, file, method, target):
    with open("config/config.yaml") as own, open(file) as given:
        config = load_config(merged(yaml.safe_load(own), yaml.safe_load(given)))
    cell = next(c for c in expand(config).cells if (c.sweep.method, c.target) == (method, target))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        f"{commands_of(cell, config)[-1]} --dry-run", shell=True, capture_output=True, text=True, env=environment,
        check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    dense = f"{cell.sweep.protocol}/{cell.sweep.model}/dense/seed0"
    jobs = set(re.findall(r"(?:Prune|Evaluate \w+ of) (\S+): (\S+)", said))
    assert jobs == {(dense, "u00"), (cell.sweep.path, target)}
    assert set(re.findall(rf"Evaluate (\w+) of {re.escape(cell.sweep.path)}:", said)) == set(cell.kinds)
