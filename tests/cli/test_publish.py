"""`publish`, `board` and `published`: what they say and refuse; what is in the files is tested where they are made."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.results.published.conftest import Project, made, published, rewrite

__all__ = ["made", "published"]  # fixtures


@pytest.fixture
def configured(run: Run, published: Project) -> Run:
    """The command in a project whose config is that of the records."""
    config = published.config
    path = published.root / "config/config.yaml"
    text = path.read_text().replace("targets: [u50, u70, n2m4, s20]", f"targets: [{', '.join(config.targets)}]")
    start, end = text.index("  [dense, random"), text.index("\ntargets:")
    methods = ", ".join(f"'{spec}'" for spec in config.methods)
    path.write_text(f"{text[:start]}  [{methods}]{text[end:]}")
    return run


def test_what_was_published_is_told_with_its_failures(configured: Run, published: Project) -> None:
    published.file("sparsegpt").unlink()
    result = configured("publish", "sparsegpt")
    assert result.code == 0
    assert "results/published/sparsegpt.jsonl: 8 cells (1 error, 7 ok), " in result.out
    assert "bytes, written" in result.out
    assert "bytes, unchanged" in configured("publish", "sparsegpt").out


def test_all_methods_of_the_config_are_published_and_the_dense_model(configured: Run, published: Project) -> None:
    before = {path.name: path.read_bytes() for path in Path("results/published").iterdir()}
    assert set(before) >= {"dense.jsonl", "random.jsonl", "wanda.jsonl"}
    for path in Path("results/published").iterdir():
        path.unlink()
    assert configured("publish", "--all").code == 0
    assert {path.name: path.read_bytes() for path in Path("results/published").iterdir()} == before


def test_mistakes_are_one_sentence(configured: Run, published: Project) -> None:
    for arguments in (["publish"], ["publish", "wanda", "--all"]):
        result = configured(*arguments)
        assert (result.code, result.err) == (
            2, "prunebench: name one method, or give --all for every method of the config\n"
        )  # fmt: skip
    result = configured("publish", "wandaa")
    assert (result.code, result.err) == (2, "prunebench: unknown method 'wandaa' in methods; did you mean 'wanda'?\n")
    result = configured("publish", "wanda_sp")
    assert result.code == 2
    assert "none of the methods can do any of the targets" in result.err
    result = configured("board", "--published", "nowhere")
    assert result.code == 2
    assert result.err == "prunebench: nowhere holds no published results; prunebench publish NAME writes them\n"


def test_published_lists_what_is_there_and_names_what_must_not_be(configured: Run, published: Project) -> None:
    result = configured("published")
    assert result.code == 0
    assert "sparsegpt" in result.out

    def another_model(line, number) -> None:
        if line.get("cell") == "laptop-512/opt-tiny/wanda/seed0/u50":
            line["prune"]["key"]["model"] = "another"

    rewrite(published.file("wanda"), another_model)
    result = configured("published")
    assert result.code == 1
    assert (
        "not as it must be: laptop-512/opt-tiny/wanda/seed0/u50 is rejected: made from another model (another, not "
        "model of opt-tiny) than the dense row" in result.out
    )


def test_what_moved_since_a_commit_is_the_exit_code(configured: Run, published: Project) -> None:
    for command in ("init -b main", "add results/published", "-c user.name=x -c user.email=x@example.org commit -m x"):
        subprocess.run(["git", *command.split()], check=True, capture_output=True, cwd=published.root)
    result = configured("published", "--against", "main")
    assert result.code == 0
    assert "nothing that is published differs from main" in result.out

    def faster(line, number) -> None:
        if line.get("cell") == "laptop-512/opt-tiny/wanda/seed0/u50":
            line["prune"]["cost"]["seconds"] = 0.1

    rewrite(published.file("wanda"), faster)
    assert configured("published", "--against", "main", "--changed", "wanda").code == 0
    result = configured("published", "--against", "main", "--changed", "magnitude")
    assert result.code == 1
    assert "made again  laptop-512/opt-tiny/wanda/seed0/u50" in result.out
    assert "wanda is none of the methods that may change" in result.out


def test_verify_names_a_damaged_published_file_and_leaves_it(configured: Run, published: Project) -> None:
    path = published.file("wanda")
    path.write_text(path.read_text().replace("0.5", "0.6", 1))
    result = configured("verify", "--fix")
    assert result.code == 1
    assert "damaged  results/published/wanda.jsonl is not what was published" in result.out
    assert "damaged files that were published stay, 1 of them" in result.out
    assert path.exists()
