"""Damage is named, and what is damaged is made again: that, and nothing else."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from prunebench.layout import METRICS
from tests.workflow.conftest import copy_of
from tests.workflow.project import PROTOCOL, Project, environment

pytestmark = pytest.mark.slow

MODEL = "results/assets/models/tiny-llama"
WINDOWS = f"results/tokens/{PROTOCOL}/tiny-llama/windows-speeches.safetensors"


def pruned(method: str, target: str) -> str:
    return f"results/pruned/{PROTOCOL}/tiny-llama/{method}/seed0/{target}"


def evaluated(method: str, target: str) -> str:
    return f"results/cells/{PROTOCOL}/tiny-llama/{method}/seed0/{target}/perplexity.json"


def verify(project: Project, *arguments: str) -> tuple[int, str]:
    code = "from prunebench.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "verify", "--configfile", "config.yaml", *arguments],
        cwd=project.root, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    if path.is_symlink():
        path.unlink()  # the file of the person is not ours to damage
    path.write_bytes(content)


def edit(path: Path) -> None:
    text = path.read_text()
    value = text.index('"value": ') + len('"value": ')
    path.write_text(text[:value] + "1" + text[value:])


DAMAGES: list[tuple[str, Callable[[Path], None], str]] = [
    (f"{pruned('magnitude', 'u50')}.safetensors", cut, "has another sha256 than its record says"),
    (f"{pruned('wanda', 'u60')}.safetensors", flip, "has another sha256 than its record says"),
    (evaluated("wanda", "u50"), edit, "is not the record that was written"),
    (f"{MODEL}/model.safetensors", flip, "has another sha256 than when it was made"),
    (WINDOWS, flip, "does not hold the token ids that were written"),
]


@pytest.fixture(scope="module")
def sound(_finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_of(_finished, tmp_path_factory.mktemp("sound") / "project")
    project.config["targets"] = ["u50", "u60"]
    project.collect()
    return project


def test_each_damage_is_named_and_after_its_removal_just_that_is_made_again(sound: Project) -> None:
    assert verify(sound) == (0, f"hashing every result ...\n{_files(sound)} files checked, all sound\n")
    before, metrics = sound.records(), (sound.root / METRICS).read_bytes()
    for path, damage, _ in DAMAGES:
        damage(sound.root / path)

    code, said = verify(sound)
    assert code == 1
    named = {line.split()[1]: line for line in said.splitlines() if line.startswith("damaged ")}
    assert named.keys() == {path for path, _, _ in DAMAGES}
    assert all(f"{path} {wrong}: without it snakemake " in named[path] for path, _, wrong in DAMAGES)

    code, said = verify(sound, "--fix")
    assert (code, f"{len(DAMAGES)} damaged and removed" in said) == (0, True), said
    remake(sound, before)
    assert sound.computed(before) == {
        "pruned/magnitude/u50", "pruned/wanda/u60", "cells/wanda/u50/perplexity",
    }  # fmt: skip
    assert numbers((sound.root / METRICS).read_bytes()) == numbers(metrics)
    assert verify(sound)[0] == 0
    assert "Nothing to be done" in remake(sound, before)


def test_without_verify_a_damaged_input_fails_the_job_that_would_read_it(sound: Project) -> None:
    sound.config["targets"] = ["u50", "u60", "u70"]
    before = sound.records()
    flip(sound.root / MODEL / "model.safetensors")
    said = sound.snakemake(METRICS, succeeds=False)
    assert f"{MODEL}/model.safetensors has another sha256 than when it was made; run prunebench verify --fix" in said
    assert sound.computed(before) == set()
    assert verify(sound, "--fix")[0] == 0
    sound.collect()
    assert sound.computed(before) == {
        f"{work}/{method}/u70{kind}"
        for method in ("magnitude", "wanda")
        for work, kind in (("pruned", ""), ("cells", "/perplexity"))
    }


def remake(project: Project, records: Iterable[str]) -> str:
    """Run for what `all` lists, without the reports."""
    return project.snakemake(METRICS, *(f"results/{path}" for path in records))


def _files(project: Project) -> int:
    """What carries or is named by a digest: records, patches, manifests with their files, tokens and the metrics."""
    results = project.root / "results"
    assets = [path for path in (results / "assets").glob("*/*/*") if not path.name.startswith(".")]
    return len(project.records()) + len([*results.glob("**/*.safetensors")]) - 1 + len(assets) + 2


def numbers(metrics: bytes) -> list[bytes]:
    """The rows without what it took, which differs by nature."""
    return [row for row in metrics.splitlines() if b"_seconds" not in row and b"peak_memory" not in row]
