"""The DAG of every shipped config, and what a wrong config says before there is one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prunebench.config.grid import expand
from prunebench.config.load import load_config
from prunebench.config.strict import read_yaml
from tests.papers.shipped import STRUCTURED, load_shipped
from tests.workflow.project import ROOT, Project, environment, job_counts

pytestmark = pytest.mark.slow

SHIPPED = sorted(
    path.relative_to(ROOT)
    for pattern in ("config/config.yaml", "papers/*/*.yaml")
    for path in ROOT.glob(pattern)
    if path.name != "tables.yaml"
)


def dry_run_of(tmp_path: Path, config: Path) -> str:
    """A dry run of a shipped config on a fresh clone; registries and methods are found beside the Snakefile."""
    for name in ("config", "methods", "papers"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--configfile", str(ROOT / config)]
    done = subprocess.run(
        [*command, "--cores", "2", "-n", "-q", "rules"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("config", SHIPPED, ids=str)
def test_a_shipped_config_has_the_jobs_its_grid_asks_for(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    run = load_shipped(config)
    said = dry_run_of(tmp_path, config)
    grid = expand(run)
    assert f"grid: {len(grid.cells)} cells" in said
    assert f"estimate: {len(grid.cells)} of {len(grid.cells)} cells to compute, about " in said
    counts = job_counts(said)
    trained = [name for name in run.models if run.model_registry[name].training_text]
    assert counts.get("train_tiny", 0) == len(trained)
    assert counts.get("fetch_model", 0) == len(run.models) - len(trained)
    assert counts.get("fetch_task", 0) == (len(run.zeroshot_tasks) if "zeroshot" in run.evaluate else 0)
    assert counts["tokenize_windows"] == len(run.models) * len(run.protocol_spec.perplexity.texts)
    for chunk in grid.chunks:
        assert counts[f"prune_{chunk.name}"] == len(chunk.sweeps)
    for kind in run.evaluate:
        for chunk in grid.evaluated(kind):
            assert counts[f"evaluate_{kind}_{chunk.name}"] == len(chunk.sweeps)
    reports = (
        "collect",
        "make_tables",
        "make_figures",
        "make_leaderboard",
        "make_method_pages",
        *(["make_paper"] if run.paper else []),
        "all",
    )
    for rule in reports:
        assert counts[rule] == 1
    assert counts.get("make_paper", 0) == (run.paper is not None)


def test_the_shipped_configs_are_found() -> None:
    assert {Path("config/config.yaml"), Path("papers/stade/config.yaml"), Path("papers/stade/embedded.yaml")} <= {
        *SHIPPED
    }


@pytest.mark.parametrize("paper", ["stade", "improved-pruning"])
def test_a_paper_runs_each_cell_only_as_its_tables_show_it(paper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    grid = expand(load_config(read_yaml(ROOT / "papers" / paper / "config.yaml")))
    by_kind = {
        kind: {cell.sweep.method for cell in grid.cells if kind in cell.kinds and cell.target != "u00"}
        for kind in ("zeroshot", "generation")
    }
    if paper == "stade":
        assert by_kind == {"zeroshot": {"wanda", "stade", "stade_nobias"}, "generation": set()}
    else:
        assert by_kind == {"zeroshot": set(), "generation": {"sparsegpt"}}
    assert not any("fc1" in cell.sweep.method and "llama" in cell.sweep.model for cell in grid.cells)


def test_the_embedded_configs_fit_into_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    # A cell of the 135M model takes about half a minute of one core, two of them at a time.
    monkeypatch.chdir(ROOT)
    for paper in ("stade", "improved-pruning"):
        run = load_config(read_yaml(ROOT / "papers" / paper / "embedded.yaml"))
        cells = [cell for cell in expand(run).cells if cell.sweep.model == "smollm2-135m"]
        assert 30 <= len(cells) <= 65, paper


@pytest.mark.parametrize("paper", STRUCTURED)
def test_the_structured_embedded_configs_fit_into_three_quarters_of_an_hour(
    paper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    run = load_shipped(Path("papers") / paper / "embedded.yaml")
    cells = [cell for cell in expand(run).cells if cell.sweep.model == "smollm2-135m"]
    assert 40 <= len(cells) <= 65


def test_the_dry_run_names_illegal_cells_once(project: Project) -> None:
    project.config["targets"] = ["u50", "s20"]
    said = project.snakemake("-n")
    assert "grid: 3 cells in 3 sweeps" in said
    assert said.count("left out: s20, which is structured and not done by magnitude, wanda") == 1


def test_cells_per_job_cuts_sweeps_into_jobs(project: Project) -> None:
    project.config.update(targets=["u50", "u60", "n2m4"], cells_per_job=2)
    counts = job_counts(project.snakemake("-n", "-q", "rules"))
    assert (counts["prune_u50_u60"], counts["prune_n2m4"], counts["prune_u00"]) == (2, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models=tiny-lama"], "unknown model 'tiny-lama' in config; did you mean 'tiny-llama'?"),
        (["target=u50"], "config: unknown key 'target'; did you mean 'targets'?"),
        (["methods=wnada"], "unknown method 'wnada' in config; did you mean 'wanda'?"),
        (["methods=wanda@nsample=4"], "did you mean 'nsamples'?"),
        (["methods=dsnot@skip=atn"], "unknown value of 'skip' 'atn' in method 'dsnot@skip=atn'"),
        (["targets=50"], "target '50' is not one of uNN"),
        (["targets=s20"], "none of the methods can do any of the targets"),
    ],
)
def test_a_wrong_config_is_refused_in_one_sentence_before_the_dag(
    project: Project, arguments: list[str], message: str
) -> None:
    shutil.copy(ROOT / "methods/dsnot.py", project.root / "methods")
    said = project.snakemake("-n", "--config", *arguments, succeeds=False)
    assert message in said
    assert "Traceback" not in said
    assert "Building DAG" not in said


def test_scalars_on_the_command_line_are_lists(project: Project) -> None:
    said = project.snakemake("-n", "-q", "rules", "--config", "models=tiny-opt", "methods=wanda@nsamples=1,magnitude")
    assert "grid: 3 cells in 3 sweeps" in said
    assert "train_tiny" in job_counts(said)


def test_the_snakefile_never_imports_torch(project: Project) -> None:
    code = (
        "import sys, snakemake.cli\n"
        "try:\n    snakemake.cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, *project.command("-n", "-q", "rules")[3:]]
    done = subprocess.run(command, cwd=project.root, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_fine_tuning_has_its_tokens_drawn_once_for_all_that_share_a_text(project: Project) -> None:
    methods = "methods=wanda@lora=2,wanda@lora=3,wanda,magnitude@lora=1,lora_text=speeches"
    counts = job_counts(project.snakemake("-n", "-q", "rules", "--config", "models=tiny-llama", methods))
    assert counts["tokenize_recovery"] == 1
    assert "lora_text" not in counts
