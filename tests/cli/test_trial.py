"""`prunebench try` and `prunebench review` in a small project, with the real Snakefile and nothing from a network."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, Project, environment

Command = Callable[..., subprocess.CompletedProcess]

NEGLIGENT = """
METHOD = {"title": "Negligent <b>", "family": "test", "origin": "ORIGIN", "patterns": ["unstructured"], "group": "row"}

def prune_layer(layer, inputs, target):
    return layer.weight * 2
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project under git in which Wanda and magnitude have been tried."""
    project = Project(tmp_path_factory.mktemp("tried") / "project", methods=("magnitude", "wanda"))
    project.command()  # writes the config
    for name in ("Snakefile", "workflow", "profiles"):
        (project.root / name).symlink_to(ROOT / name)
    (project.root / ".gitignore").write_text("results/*\n!results/published/\n.snakemake/\n")
    git(project.root, "init", "--quiet", "--initial-branch", "main")
    commit(project.root, "a project")
    done = command(project.root)("try", "wanda", *TINY)
    assert done.returncode == 0, done.stdout + done.stderr
    return project.root


@pytest.fixture
def run(tried: Path, tmp_path: Path) -> Command:
    """Runs the command in a copy of that project, `tmp_path / "project"`."""
    shutil.copytree(tried, tmp_path / "project", symlinks=True)
    return command(tmp_path / "project")


pytestmark = pytest.mark.slow
TINY = ("--model", "tiny-llama", "--configfile", "config.yaml")


def command(folder: Path) -> Command:
    def run(*arguments: str) -> subprocess.CompletedProcess:
        code = "from prunebench.cli.app import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=folder, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", message)


def records(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (folder / "results/pruned").rglob("*.json")}


def test_a_new_method_is_shown_beside_the_others_and_only_its_cell_is_computed(run: Command, tmp_path: Path) -> None:
    project = tmp_path / "project"
    before = records(project)
    (project / "methods/copied.py").write_text((ROOT / "methods/wanda.py").read_text().replace('"Wanda"', '"Copied"'))
    done = run("try", "copied", *TINY, "--markdown", "out.md")
    assert done.returncode == 0, done.stderr
    after = records(project)
    assert {name: after[name] for name in before} == before
    assert [name for name in after if name not in before] == [
        f"{project}/results/pruned/tiny/tiny-llama/copied/seed0/u50.json"
    ]
    shown = done.stdout[done.stdout.index("rank  method") :]
    for title in ("Dense", "Magnitude", "Wanda", "Copied"):
        assert title in shown
    assert "cannot be separated from" in shown  # it has the very same mask
    written = (project / "out.md").read_text()
    assert written.count("\n| ") == 6
    assert "Copied cannot be separated from" in written
    assert not (project / "reports").exists()


def test_an_unknown_method_is_one_line(run: Command) -> None:
    done = run("try", "wandaa", *TINY)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "prunebench: unknown method 'wandaa' in methods; did you mean 'wanda'?\n"


def test_a_branch_without_changed_methods_passes(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "project/methods/wanda.py"
    path.write_text(path.read_text() + "\n# a comment changes nothing\n")
    done = run("review", "--against", "main", *TINY, "--summary", "summary.md")
    assert done.returncode == 0, done.stderr
    assert "No method and no published result differs from main" in done.stdout
    assert (tmp_path / "project/summary.md").read_text() in done.stdout


def test_added_changed_and_removed_methods_are_reviewed(run: Command, tmp_path: Path) -> None:
    project = tmp_path / "project"
    git(project, "checkout", "--quiet", "-b", "mine")
    (project / "methods/negligent.py").write_text(NEGLIGENT.replace("ORIGIN", "human"))
    (project / "methods/generated").mkdir()
    (project / "methods/generated/llm_odd.py").write_text("METHOD = {")
    (project / "methods/magnitude.py").unlink()
    config = project / "config.yaml"
    config.write_text(config.read_text().replace("- magnitude\n", ""))
    commit(project, "methods")
    done = run("review", "--against", "main", *TINY, "--summary", "summary.md")
    assert done.returncode == 1
    summary = (project / "summary.md").read_text()
    assert "## negligent, added" in summary
    assert "| FAILED | `exact_sparsity` |" in summary
    assert r"Negligent \<b\>" in summary
    assert "negligent fails " in summary
    assert "the trial of negligent failed" in summary
    assert r"Negligent \<b\> has no number to compare\: rejected" in summary
    assert "## llm\\_odd, added" in summary
    assert "what is wrong with it is a result" in summary
    assert "| FAILED | `header_valid` |" in summary
    assert "llm_odd fails" not in summary.replace("\\", "")
    assert "Removed: magnitude." in summary
    assert "negligent is not published" in summary


@pytest.mark.parametrize(
    ("ref", "message"), [("nowhere", "git knows no 'nowhere' here; fetch it, or name another commit or branch")]
)
def test_a_commit_that_is_not_there_is_told(run: Command, ref: str, message: str) -> None:
    done = run("review", "--against", ref, *TINY)
    assert (done.returncode, done.stderr) == (2, f"prunebench: {message}\n")
